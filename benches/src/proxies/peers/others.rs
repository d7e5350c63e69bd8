//! How other people's proxies are told to pass one port on: as each one's documentation has it, and nothing tuned.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Peer;
use crate::proxies::machine::descriptors;

/// What a peer is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) listen: SocketAddr,
    pub(super) upstream: SocketAddr,
    /// Threads or processes that move bytes.
    pub(super) workers: usize,
}

/// Where nginx's stream module is kept where it is not part of the program: Debian's folder, and two of others.
const STREAM_MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
    "/usr/share/nginx/modules/ngx_stream_module.so",
];

// === impl Link ===

impl Link {
    /// The arguments of a peer, whose configuration is written into a folder.
    pub(super) fn arguments(&self, peer: Peer, folder: &Path) -> anyhow::Result<Vec<OsString>> {
        match peer {
            Peer::Haproxy | Peer::Splice => {
                let file = write(folder, "haproxy.cfg", &self.haproxy(peer == Peer::Splice)?)?;
                Ok(vec!["-db".into(), "-f".into(), file.into()])
            }
            Peer::Nginx => {
                let file = write(folder, "nginx.conf", &self.nginx(folder)?)?;
                let log = folder.join("nginx-error.log");
                Ok(vec!["-p".into(), folder.into(), "-c".into(), file.into(), "-e".into(), log.into()])
            }
            Peer::Socat => Ok(self.socat()),
            Peer::Direct | Peer::Ours => anyhow::bail!("{} is nobody else's", peer.name()),
        }
    }

    fn haproxy(&self, splice: bool) -> anyhow::Result<String> {
        let Self { listen, upstream, workers } = self;
        let option = if splice { "option splice-auto" } else { "" };
        // It wants two descriptors for each connection, and some for pipes that it may splice through.
        let connections = descriptors()? / 3;
        Ok(format!(
            "global\n  nbthread {workers}\n  maxconn {connections}\n\
             defaults\n  mode tcp\n  {option}\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n\
             listen link\n  bind {listen}\n  server upstream {upstream}\n"
        ))
    }

    fn nginx(&self, folder: &Path) -> anyhow::Result<String> {
        let Self { listen, upstream, workers } = self;
        let module = STREAM_MODULES.iter().find(|file| Path::new(file).is_file());
        let module = module.map(|file| format!("load_module {file};\n")).unwrap_or_default();
        // Root's workers would become somebody who may not write here.
        let user = if fs::metadata(folder)?.uid() == 0 { "user root;\n" } else { "" };
        let connections = descriptors()?;
        Ok(format!(
            "{module}{user}daemon off;\nworker_processes {workers};\npid nginx.pid;\nerror_log nginx-error.log;\n\
             events {{ worker_connections {connections}; }}\n\
             stream {{ server {{ listen {listen} backlog=4096; proxy_pass {upstream}; proxy_timeout 1h; }} }}\n"
        ))
    }

    fn socat(&self) -> Vec<OsString> {
        let (port, address) = (self.listen.port(), self.listen.ip());
        let listen = format!("TCP-LISTEN:{port},bind={address},reuseaddr,fork,backlog=1024,nodelay");
        vec![listen.into(), format!("TCP:{},nodelay", self.upstream).into()]
    }
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(name);
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}
