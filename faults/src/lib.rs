//! Placeholder of this floor; filled in the steps that follow.
