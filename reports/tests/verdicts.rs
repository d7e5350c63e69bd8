//! What makes a run pass, fail, or say that it cannot tell.

#[path = "support/synthetic.rs"]
mod synthetic;

use proptest::prelude::*;
use shakedown_reports::analysis::{Analysis, Ended, LeakAnswer, Recovery, Sort, Verdict, analyze_entries};
use shakedown_reports::journal::{Ending, Entry, Member, Sample, What};
use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::gate::{Gate, LeakResource, Quantile, Resource, Window};
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;
use synthetic::{
    BROWSE, SHOP, bend, break_second, event, events, meta, no_leak, plan, sorted, story, without,
};

fn judge(plan: &Plan, entries: Vec<Entry>) -> Analysis {
    analyze_entries(plan, &meta(), sorted(entries).into_iter())
}

/// The verdict, the exit code, and that some reason holds all of `words`.
#[track_caller]
fn expect(analysis: &Analysis, verdict: Verdict, exit: u8, words: &[&str]) {
    assert_eq!((analysis.verdict, analysis.exit_code()), (verdict, exit), "{:#?}", analysis.reasons);
    if words.is_empty() {
        assert!(analysis.reasons.is_empty(), "{:#?}", analysis.reasons);
        return;
    }
    let told = |reason: &shakedown_reports::analysis::Reason| {
        let text = format!("{} {} {}", reason.verdict.word(), reason.about, reason.why);
        words.iter().all(|word| text.contains(word))
    };
    assert!(analysis.reasons.iter().any(told), "no reason holds {words:?}: {:#?}", analysis.reasons);
}

#[test]
fn a_run_in_which_all_holds_passes() {
    let plan = plan(|_| {});
    let analysis = judge(&plan, story(&plan));
    expect(&analysis, Verdict::Pass, 0, &[]);
    assert_eq!(analysis.run.ending, Ended::Completed);
    assert!(analysis.gates.iter().all(|gate| gate.observed.is_some()));
    assert!(analysis.timeline.gaps.is_empty(), "{:?}", analysis.timeline.gaps);
}

#[test]
fn every_fault_has_its_recovery_time() {
    let plan = plan(|_| {});
    let analysis = judge(&plan, story(&plan));
    let found: Vec<_> = analysis.faults.iter().map(|fault| (fault.name.as_str(), &fault.recovery)).collect();
    // Healed at 31.025 and 43.025, each felt for a second more; killed at 52.012, back in the third second after it.
    assert_eq!(found[0], ("slow db", &Recovery::After(0.975)));
    assert_eq!(found[1], ("cut off", &Recovery::After(0.975)));
    let Recovery::After(crash) = *found[2].1 else { panic!("{found:?}") };
    assert!((2.9..3.4).contains(&crash), "{crash}");
    assert_eq!(analysis.targets[0].restarts.len(), 1);
    assert!((2.6..2.7).contains(&analysis.targets[0].longest_restart.unwrap()));
}

#[test]
fn a_gate_that_fails_names_itself_the_moment_and_the_fault() {
    let plan = plan(|experiment| {
        experiment.gates = vec![Gate::Latency {
            quantile: Quantile::P99,
            of: BROWSE.into(),
            below: Span::millis(100),
            over: Window::Phase(Phase::Chaos),
        }];
    });
    let analysis = judge(&plan, story(&plan));
    expect(
        &analysis,
        Verdict::Fail,
        1,
        &["fail p99 of browse below 100 ms over chaos", "worst at 00:2", "during slow db"],
    );
    assert!(analysis.gates[0].margin.unwrap() < 0.0);
}

#[test]
fn a_target_that_is_killed_and_not_restarted_fails_by_gate_and_moment() {
    let plan = plan(|_| {});
    let mut entries = without(story(&plan), |what| {
        matches!(what, What::TargetStarted { pid: 911, .. }) || matches!(what, What::TargetReady { .. })
    });
    bend(&mut entries, |second| second >= 52, |second| break_second(second, "refused"));
    events(&mut entries, |at, what| {
        if let What::Probed { ok, found, .. } = what
            && at > 52_000_000
        {
            (*ok, *found) = (false, "connection refused".into());
        }
    });
    let analysis = judge(&plan, entries);
    expect(
        &analysis,
        Verdict::Fail,
        1,
        &["fail error ratio of browse below 1 % over recovery", "found 100 %", "worst at 01:05"],
    );
    expect(
        &analysis,
        Verdict::Fail,
        1,
        &[
            "fail recovery from every fault within 10 s",
            "crash was not back to normal for 3 seconds in a row until the end of the run: at least 28 s from 00:52 on",
        ],
    );
    expect(
        &analysis,
        Verdict::Fail,
        1,
        &[
            "fail probe healthz",
            "did not come back: out of tolerance since 00:52 to the end",
            "connection refused",
        ],
    );
}

#[test]
fn load_that_could_not_be_offered_is_inconclusive() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    bend(
        &mut entries,
        |second| (8..12).contains(&second),
        |second| {
            second.dropped = 50;
            second.sent -= 50;
        },
    );
    let analysis = judge(&plan, entries);
    expect(
        &analysis,
        Verdict::Inconclusive,
        2,
        &["harness", "load could be offered: 200 of", "never sent while no fault held"],
    );
    expect(&analysis, Verdict::Inconclusive, 2, &["p95 of browse", "never sent, so the truth is worse"]);
}

#[test]
fn requests_dropped_under_a_fault_do_not_blame_the_harness() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    bend(&mut entries, |second| (39..42).contains(&second), |second| second.dropped = 100);
    expect(&judge(&plan, entries), Verdict::Pass, 0, &[]);
}

#[test]
fn a_late_pacer_is_inconclusive() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    bend(&mut entries, |second| (10..14).contains(&second), |second| second.late_us_p50 = 25_000);
    expect(
        &judge(&plan, entries),
        Verdict::Inconclusive,
        2,
        &["harness", "arrivals were on time", "by 25 ms in the median"],
    );
}

#[test]
fn a_gate_without_data_never_passes() {
    let plan = plan(|experiment| {
        let resource = Resource::Rss;
        experiment.gates.push(Gate::Resource {
            resource,
            of: SHOP.into(),
            below: 1e12,
            over: Window::Phase(Phase::Baseline),
        });
    });
    let entries: Vec<Entry> = story(&plan)
        .into_iter()
        .filter(|entry| !matches!(entry, Entry::Window(_) | Entry::Sample(_)))
        .collect();
    let analysis = judge(&plan, entries);
    assert_eq!(analysis.verdict, Verdict::Inconclusive);
    for gate in &analysis.gates {
        assert_ne!(gate.verdict, Verdict::Pass, "{gate:?}");
        assert!(!gate.note.is_empty(), "{gate:?}");
    }
}

#[test]
fn a_gate_with_half_its_window_never_passes() {
    let plan = plan(|_| {});
    let half = |entry: &Entry| !matches!(entry, Entry::Window(second) if (5..12).contains(&second.second));
    let analysis = judge(&plan, story(&plan).into_iter().filter(half).collect());
    expect(&analysis, Verdict::Inconclusive, 2, &["p95 of browse", "only 8 s of 15 s were measured"]);
    assert_eq!(analysis.timeline.gaps, [(5.0, 12.0)]);
}

#[test]
fn an_unproven_fault_is_inconclusive() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    events(&mut entries, |_, what| {
        if let What::Bit { cue: 1, proven, evidence } = what {
            (*proven, *evidence) = (false, "no connection was open".into());
        }
    });
    expect(
        &judge(&plan, entries),
        Verdict::Inconclusive,
        2,
        &["fault cut off", "not proven to have bitten: no connection was open"],
    );
    let entries = without(story(&plan), |what| matches!(what, What::Bit { cue: 0, .. }));
    expect(&judge(&plan, entries), Verdict::Inconclusive, 2, &["fault slow db", "left no proof"]);
}

#[test]
fn a_fault_that_could_not_be_injected_is_inconclusive() {
    let plan = plan(|_| {});
    let of_cue = |what: &What| {
        matches!(what, What::Injected { cue: 1 } | What::Bit { cue: 1, .. } | What::Healed { cue: 1, .. })
    };
    let mut entries = without(story(&plan), of_cue);
    entries.push(event(38_100_000, What::InjectionFailed { cue: 1, why: "no such link".into() }));
    expect(
        &judge(&plan, entries),
        Verdict::Inconclusive,
        2,
        &["fault cut off", "could not be injected: no such link"],
    );
}

#[test]
fn a_fault_that_could_not_be_undone_has_its_own_exit_code() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    events(&mut entries, |_, what| {
        if let What::Healed { cue: 0, proven, evidence } = what {
            (*proven, *evidence) = (false, "chunks still wait".into());
        }
    });
    expect(
        &judge(&plan, entries),
        Verdict::Fail,
        4,
        &["fault slow db", "could not be undone: chunks still wait"],
    );
    let entries = without(story(&plan), |what| matches!(what, What::Healed { cue: 1, .. }));
    expect(&judge(&plan, entries), Verdict::Fail, 4, &["fault cut off", "could not be undone"]);
}

fn ended(plan: &Plan, at_us: i64, how: Ending) -> Vec<Entry> {
    let mut entries: Vec<Entry> = story(plan).into_iter().filter(|entry| entry.at_us() <= at_us).collect();
    entries.push(event(at_us, What::Ended { how }));
    entries
}

#[test]
fn the_guard_the_signal_and_the_abort_have_their_exit_codes() {
    let plan = plan(|_| {});
    let mut guarded = ended(&plan, 36_000_000, Ending::Guard);
    guarded
        .push(event(35_900_000, What::GuardTripped { why: "errors of browse above 90 % for 30 s".into() }));
    expect(&judge(&plan, guarded), Verdict::Fail, 3, &["guard", "above 90 % for 30 s"]);
    let signalled = |signal| judge(&plan, ended(&plan, 36_000_000, Ending::Signal { signal }));
    expect(&signalled(2), Verdict::Inconclusive, 130, &["run was ended by signal 2 at 00:36 of 01:20"]);
    expect(
        &signalled(15),
        Verdict::Inconclusive,
        143,
        &["2 of 3 planned injections never happened, first cut off"],
    );
    let aborted = ended(&plan, 20_000_000, Ending::Aborted { why: "healthz is out of tolerance".into() });
    let aborted = judge(&plan, aborted);
    expect(&aborted, Verdict::Fail, 1, &["given up", "healthz is out of tolerance"]);
    // What was not measured and not injected then is no reason of its own.
    assert!(aborted.reasons.iter().all(|reason| reason.verdict == Verdict::Fail), "{:?}", aborted.reasons);
    assert!(aborted.gates.iter().any(|gate| gate.verdict == Verdict::Inconclusive), "{:?}", aborted.gates);
}

#[test]
fn a_cut_run_says_where_and_is_inconclusive_at_best() {
    let plan = plan(|_| {});
    let cut: Vec<Entry> = story(&plan).into_iter().filter(|entry| entry.at_us() <= 34_000_000).collect();
    let analysis = judge(&plan, cut);
    expect(&analysis, Verdict::Inconclusive, 2, &["run was cut at 00:34 of 01:20"]);
    assert_eq!(analysis.run.ending, Ended::Cut);
    assert_eq!(analysis.timeline.gaps, [(34.0, 80.0)]);
}

#[test]
fn a_cut_under_a_fault_asks_for_recover_and_does_not_cry_wolf() {
    let plan = plan(|_| {});
    let cut: Vec<Entry> = story(&plan).into_iter().filter(|entry| entry.at_us() <= 40_000_000).collect();
    expect(
        &judge(&plan, cut),
        Verdict::Inconclusive,
        2,
        &["fault cut off", "`shakedown recover` makes sure"],
    );
}

#[test]
fn a_probe_that_flaps_in_recovery_fails() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    events(&mut entries, |at, what| {
        if let What::Probed { ok, found, .. } = what
            && (72_000_000..73_000_000).contains(&at)
        {
            (*ok, *found) = (false, "503".into());
        }
    });
    expect(
        &judge(&plan, entries),
        Verdict::Fail,
        1,
        &["probe healthz", "left tolerance again at 01:12 (503)"],
    );
}

#[test]
fn a_target_that_dies_by_itself_and_stays_down_fails() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    let status = "signal 11 (SIGSEGV)".to_owned();
    entries.push(event(78_000_000, What::TargetExited { target: SHOP.into(), status, expected: false }));
    expect(&judge(&plan, entries), Verdict::Fail, 1, &["target shop", "SIGSEGV", "stayed down"]);
}

#[test]
fn a_leak_check_that_is_too_short_matters_only_where_a_gate_asks() {
    let asked = plan(|experiment| experiment.gates.push(no_leak()));
    let analysis = judge(&asked, story(&asked));
    expect(
        &analysis,
        Verdict::Inconclusive,
        2,
        &["no leak in shop", "memory, descriptors, sockets, threads: cannot tell", "shorter than 5 minutes"],
    );
    let unasked = plan(|_| {});
    let analysis = judge(&unasked, story(&unasked));
    // Nobody told of mappings.
    assert_eq!(analysis.leaks.len(), 6);
    expect(&analysis, Verdict::Pass, 0, &[]);
}

/// Changes every sample of the living shop by what has leaked by then: one each twenty seconds.
fn leak(entries: &mut [Entry], change: impl Fn(&mut Sample, u64)) {
    for entry in entries {
        if let Entry::Sample(sample) = entry
            && sample.subject == SHOP
            && sample.processes > 0
        {
            let leaked = (sample.at_us / 20_000_000).unsigned_abs();
            change(sample, leaked);
        }
    }
}

#[test]
fn a_long_quiet_run_passes_its_leak_gate_and_a_leaking_one_does_not() {
    let plan = plan(|experiment| {
        experiment.phases.recovery = Span::secs(1_800);
        experiment.gates = vec![no_leak()];
    });
    expect(&judge(&plan, story(&plan)), Verdict::Pass, 0, &[]);
    let mut entries = story(&plan);
    leak(&mut entries, |sample, leaked| *sample.fds.entry("socket".into()).or_default() += leaked);
    let analysis = judge(&plan, entries);
    expect(&analysis, Verdict::Fail, 1, &["no leak in shop", "descriptors, sockets: leaks 1"]);
    let found = analysis.leaks.iter().find(|leak| leak.resource == LeakResource::Fds).unwrap();
    // 180 an hour; nobody knows of a limit.
    let LeakAnswer::Leak { per_hour, .. } = found.answer else { panic!("{found:?}") };
    assert!((170.0..190.0).contains(&per_hour) && found.until.is_none(), "{found:?}");
    let kind = found.origins.iter().find(|origin| origin.sort == Sort::Kind).unwrap();
    assert!(kind.name == "fds.socket" && (0.9..1.1).contains(&kind.share), "{found:?}");
    assert!(found.picture.as_ref().is_some_and(|picture| picture.columns.len() > 300), "{found:?}");
}

#[test]
fn other_views_of_memory_are_judged_where_a_gate_names_them() {
    let resources = vec![LeakResource::Pss, LeakResource::PrivateDirty];
    let plan = plan(|experiment| {
        experiment.phases.recovery = Span::secs(1_800);
        experiment.gates = vec![Gate::NoLeak { of: SHOP.into(), resources }];
    });
    let mut entries = story(&plan);
    leak(&mut entries, |sample, leaked| {
        sample.private_dirty = Some(64 * 1_048_576 + leaked * 262_144);
    });
    let analysis = judge(&plan, entries);
    expect(&analysis, Verdict::Fail, 1, &["no leak in shop", "private dirty memory: leaks"]);
    let answer = |resource| &analysis.leaks.iter().find(|leak| leak.resource == resource).unwrap().answer;
    assert!(
        matches!(answer(LeakResource::Pss), LeakAnswer::NoneAbove { .. }),
        "{:?}",
        answer(LeakResource::Pss)
    );
    // 256 KiB each twenty seconds.
    let LeakAnswer::Leak { per_hour, .. } = answer(LeakResource::PrivateDirty) else {
        panic!("{analysis:?}")
    };
    assert!((44.0..46.0).contains(&(per_hour / 1_048_576.0)), "{per_hour}");
}

#[test]
fn a_leak_tells_when_its_limit_is_reached_and_which_process_leaks() {
    let plan = plan(|experiment| experiment.phases.recovery = Span::secs(1_800));
    let mut entries = story(&plan);
    leak(&mut entries, |sample, leaked| {
        *sample.fds.entry("file".into()).or_default() += leaked;
        (sample.processes, sample.fds_max) = (2, Some(1_024));
        let member = |pid, name: &str, fds| Member { pid, name: name.into(), fds, ..Member::default() };
        sample.members = vec![member(7, "master", 9), member(8, "worker", 20 + leaked)];
    });
    let analysis = judge(&plan, entries);
    let found = analysis.leaks.iter().find(|leak| leak.resource == LeakResource::Fds).unwrap();
    let until = found.until.as_ref().unwrap();
    // 900 more at 180 an hour.
    assert!(until.limit == 1_024.0 && (4.5..5.5).contains(&until.hours), "{found:?}");
    assert!(until.earliest <= until.hours && until.latest.is_some_and(|latest| latest >= until.hours));
    let process = found.origins.iter().find(|origin| origin.sort == Sort::Process).unwrap();
    assert_eq!(process.name, "worker (8)");
    let words = found.words();
    for part in
        ["reaches its limit of open files of 1,024 in", "of it fds.file", "of it in process worker (8)"]
    {
        assert!(words.contains(part), "{words}");
    }
    // No gate asks for it.
    expect(&analysis, Verdict::Pass, 0, &[]);
}

#[test]
fn an_analysis_survives_its_own_json() {
    let plan = plan(|_| {});
    let analysis = judge(&plan, story(&plan));
    let text = serde_json::to_string(&analysis).unwrap();
    assert_eq!(serde_json::from_str::<Analysis>(&text).unwrap(), analysis);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Any prefix of a journal, with any entries missing, is judged without a panic, and never passes.
    #[test]
    fn no_cut_journal_passes(share in 0.0..1.0f64, hole in 0usize..2_000, width in 0usize..300) {
        let plan = plan(|experiment| experiment.gates.push(no_leak()));
        let all = without(story(&plan), |what| matches!(what, What::Ended { .. }));
        let keep = (all.len() as f64 * share) as usize;
        let kept = all.into_iter().take(keep).enumerate();
        let entries = kept.filter(|(index, _)| !(hole..hole + width).contains(index)).map(|(_, entry)| entry);
        let analysis = analyze_entries(&plan, &meta(), entries);
        prop_assert!(analysis.verdict >= Verdict::Inconclusive);
        prop_assert_ne!(analysis.exit_code(), 0);
    }

    // Entries in any order are judged without a panic.
    #[test]
    fn disorder_is_no_panic(seed in any::<u64>()) {
        let plan = plan(|_| {});
        let mut entries = story(&plan);
        entries.sort_by_key(|entry| (entry.at_us() as u64).wrapping_mul(seed | 1));
        let _ = analyze_entries(&plan, &meta(), entries.into_iter());
    }
}
