//! The certificates that workloads trust: looked at before the plan is made, and found again when load starts.

use std::net::SocketAddr;
use std::path::Path;

use shakedown_load::ClientError;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::placeholder;
use shakedown_scenarios::workload::Workload;

use crate::placeholders::{Own, Places};

/// Why nobody would be believed.
#[derive(Debug, thiserror::Error)]
#[error("workload `{workload}` cannot trust anybody: {why}")]
pub struct AuthorityProblem {
    workload: String,
    why: ClientError,
}

/// Looks at the certificates of every workload; relative paths count from `base`. Those of links are made when a run
/// starts.
///
/// # Errors
///
/// Every file that cannot be read, or holds no certificates.
pub fn look_at(experiment: &Experiment, base: &Path) -> Result<(), Vec<AuthorityProblem>> {
    let mut problems = Vec::new();
    for (workload, of) in &experiment.workloads {
        let Some(ca) = of.tls().and_then(|tls| tls.ca.as_ref()) else { continue };
        let is_made = placeholder::find(ca).iter().any(|found| !found.literal && found.meaning.is_some());
        if !is_made && let Err(why) = shakedown_load::look_at(&base.join(ca)) {
            problems.push(AuthorityProblem { workload: workload.clone(), why });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Says where the certificates that a workload trusts are in this run.
pub fn place(workload: &mut Workload, places: &Places, base: &Path) {
    if let Some(ca) = workload.tls_mut().and_then(|tls| tls.ca.as_mut()) {
        *ca = base.join(places.fill(ca, &Own::default())).to_string_lossy().into_owned();
    }
}

/// What a workload calls its target: by the name that it verifies, where there is one.
#[must_use]
pub fn host(workload: &Workload, address: SocketAddr) -> String {
    match workload.tls().and_then(|tls| tls.name.as_ref()) {
        Some(name) if name.contains(':') => format!("[{name}]:{}", address.port()),
        Some(name) => format!("{name}:{}", address.port()),
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn experiment(tls: &str) -> Experiment {
        let text = format!(
            r#"Experiment(
                name: "tls",
                targets: {{ "shop": Process(argv: ["./shop", "{{port}}"]) }},
                links: {{ "clients-shop": Tls(to: "shop", terminate: ()) }},
                workloads: {{
                    "browse": Http(to: Link("clients-shop"), arrivals: Poisson("1/s"), tls: {tls}, requests: [(get: "/")]),
                }},
                phases: (chaos: "1m"),
                gates: [NoLeak(of: "shop")],
            )"#
        );
        shakedown_scenarios::read::read("tls.ron", &text, &[]).expect("a right experiment")
    }

    #[test]
    fn certificates_are_missed_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let problems = look_at(&experiment(r#"(ca: "gone.pem")"#), dir.path()).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let file = dir.path().join("gone.pem").display().to_string();
        let expected = format!(
            "workload `browse` cannot trust anybody: expected a file of certificates (PEM) at `{file}`, which cannot be \
             read: No such file or directory (os error 2)"
        );
        assert_eq!(told, [expected]);
        assert!(look_at(&experiment(r#"(ca: "{link-ca:clients-shop}")"#), dir.path()).is_ok());
        assert!(look_at(&experiment("(verify: false)"), dir.path()).is_ok());
    }

    #[test]
    fn certificates_are_found_beside_the_experiment_or_where_the_run_put_them() {
        let authorities = BTreeMap::from([("clients-shop".to_owned(), "/run/ca.pem".into())]);
        let places = Places { authorities, ..Places::default() };
        let placed = |tls: &str| {
            let mut workload = experiment(tls).workloads["browse"].clone();
            place(&mut workload, &places, Path::new("/experiments"));
            workload
        };
        let ca = |tls: &str| placed(tls).tls().and_then(|tls| tls.ca.clone());
        assert_eq!(ca(r#"(ca: "{link-ca:clients-shop}")"#), Some("/run/ca.pem".to_owned()));
        assert_eq!(ca(r#"(ca: "tls/ca.pem")"#), Some("/experiments/tls/ca.pem".to_owned()));
        let address = SocketAddr::from(([127, 0, 0, 1], 8443));
        assert_eq!(host(&placed(r#"(ca: "a", name: "shop.local")"#), address), "shop.local:8443");
        assert_eq!(host(&placed(r#"(ca: "a", name: "::1")"#), address), "[::1]:8443");
        assert_eq!(host(&placed("(verify: false)"), address), "127.0.0.1:8443");
    }
}
