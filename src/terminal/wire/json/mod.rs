//! JSON, in WebSocket text messages and in HTTP bodies.

mod barcodes;
#[cfg(test)]
mod exact_tests;
mod request;
mod reservation;
mod response;

pub(in crate::terminal) use self::barcodes::barcodes_json;
pub(crate) use self::request::read_message;
pub(crate) use self::request::read_mutation;
pub(in crate::terminal) use self::response::{
    applied_json, hello, result, result_json, stock_event, sync_event, write_applied, write_error,
};
