//! The proxy between real sockets: faithful without faults, and each fault as a client sees it.

mod faithful;
mod faults;
mod live;
mod support;
mod upstream;
