//! The HTTP interface of the terminal port.
//!
//! This folder finds the target of a request, checks who sends it, and writes the response. What a
//! request does is up to the query and the writer.

mod handler;
mod mutation;
mod routes;
