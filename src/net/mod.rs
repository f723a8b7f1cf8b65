//! What gateway and hub share of the network: an HTTP server with limits, the JSON of requests and
//! responses, access rules, streams with or without TLS, and the connection to the MQTT broker.
//!
//! This folder knows the types of stock and problems, because they are in the JSON. It must not
//! touch the store, the committed state, or what a request leads to.

pub mod access;
pub mod gauged_socket;
pub mod given_quantity;
pub mod http;
pub mod json;
pub(crate) mod json_fields;
mod line_json;
pub mod mqtt;
pub mod request;
pub mod stream;
pub mod whole_number;
