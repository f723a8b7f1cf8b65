//! The messages, as they are generated from proto/stockgate/v1/inventory.proto.
//!
//! The generated code is checked in: a generator in a build script would take longer to build than
//! all of the interface, in every build of the hub. A test compares the code with a new generation.

use tonic::service::Routes;
use tonic_reflection::server::Builder;

use crate::limits::GRPC_PUBLIC_REQUEST_BYTES_MAX;

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    missing_debug_implementations,
    reason = "generated code, with a client that only tests use"
)]
mod generated {
    include!("../../../proto/stockgate.v1.rs");
}

pub(super) use self::generated::*;

/// What reflection tells of the service: the description without its comments.
const DESCRIPTION: &[u8] = include_bytes!("../../../proto/stockgate.v1.binpb");

/// Adds server reflection to the services.
pub(super) fn with_reflection(routes: Routes) -> Routes {
    let described = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTION)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let new = described().build_v1().expect("the descriptions are whole");
    // Most tools that are in use ask in this version only.
    let old = described().build_v1alpha().expect("the descriptions are whole");
    let new = new.max_decoding_message_size(GRPC_PUBLIC_REQUEST_BYTES_MAX);
    let old = old.max_decoding_message_size(GRPC_PUBLIC_REQUEST_BYTES_MAX);
    routes.add_service(new).add_service(old)
}

#[cfg(test)]
#[path = "proto_tests.rs"]
mod tests;
