//! Consistency checks: that there is a workload whose operations have a meaning, once, and room to judge it.

use super::Checker;
use crate::places::part;
use crate::syntax::shortened;
use crate::units::Size;
use crate::workload::Workload;

/// Less than this holds no history worth the name.
const MEMORY_MIN: Size = Size::bytes(1 << 20);

pub(super) fn rules(checker: &mut Checker<'_>) {
    let all = &checker.experiment.consistency;
    for (index, consistency) in all.iter().enumerate() {
        let (path, of) = (part!["consistency", index], &consistency.of);
        let workload = checker.workload(&path.then("of"), of);
        if workload.is_some_and(|workload| !matches!(workload, Workload::Operations(_))) {
            let message =
                format!("the requests of workload `{}` have no meaning that could be judged", shortened(of));
            let help = "name a workload of the kind `Operations`: it says what its objects are (`model`)";
            checker.tell(&path.then("of"), message, help);
        }
        if let Some(first) = all[..index].iter().position(|other| other.of == *of) {
            let message = format!("the history of `{}` is judged already", shortened(of));
            let other = part!["consistency", first, "of"];
            checker.tell_both(&path.then("of"), (&other, "here"), message, "leave one of them out");
        }
        if consistency.memory < MEMORY_MIN {
            let help = "write a size from `\"1MiB\"` on, such as `\"512MiB\"`";
            checker.tell(&path.then("memory"), "no history fits into so little memory", help);
        }
    }
}
