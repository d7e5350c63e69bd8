//! UDP workloads: that datagrams can get there, and fit.

use crate::check::Checker;
use crate::places::Path;
use crate::protocol::LinkKind;
use crate::syntax::shortened;
use crate::workload::{Destination, TcpExchange};

/// The most bytes of a datagram over IPv4: 65,535 without the heads of IP (20) and UDP (8).
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// The most digits that `{n}` may become.
const DIGITS_MAX: usize = 20;

/// That a link takes datagrams, or a target has an address.
pub(super) fn reaches(checker: &mut Checker<'_>, path: &Path, to: &Destination) {
    let Destination::Link(name) = to else { return checker.destination(path, to) };
    let Some(link) = checker.link(path, name) else { return };
    if !matches!(link.kind(), LinkKind::Udp | LinkKind::Dns) {
        let message =
            format!("link `{}` is `{}`, and takes no datagrams", shortened(name), link.kind().word());
        checker.tell(path, message, "go through a link of `Udp` or `Dns`, or straight: `to: Target(\"…\")`");
    }
}

/// That each exchange is one datagram.
pub(super) fn lengths(checker: &mut Checker<'_>, path: &Path, exchanges: &[TcpExchange]) {
    for (index, exchange) in exchanges.iter().enumerate() {
        let longest = exchange.send.replace("{n}", &"9".repeat(DIGITS_MAX)).len();
        if longest > DATAGRAM_BYTES_MAX {
            let message = format!("a datagram of up to {longest} bytes is too long");
            let help = format!("allowed: at most {DATAGRAM_BYTES_MAX} bytes");
            checker.tell(&path.then(index).then("send"), message, help);
        }
    }
}
