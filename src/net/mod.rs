//! What gateway and hub share of the network: an HTTP server with limits, streams with or without
//! TLS, and the connection to the MQTT broker. It knows neither stock nor protocol.

pub mod http;
pub mod json;
pub mod mqtt;
pub mod stream;
