//! The stock engine at work: the committed state that everyone reads, and the one writer that
//! changes it. The rules themselves are in [`crate::stock`], the files in [`crate::store`].

pub mod state;
pub mod writer;
