//! The programs behind the figures.
