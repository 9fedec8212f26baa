//! The node of Florin: a clock, a queue and a socket around the runtime.
