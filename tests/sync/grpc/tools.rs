//! Health checking and reflection, as tools and orchestrators use them, and a client in Python.

use std::path::Path;
use std::process::Command;

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::client::{Client, hub_with_grpc, listening};
use crate::support::broker::Broker;
use crate::support::hub::Hub;
use crate::support::patience::until;
use crate::support::process::free_port;

const SERVICE: &str = "stockgate.v1.InventoryService";

/// The state of a service; `None` if it is not known.
fn health(client: &Client, service: &str) -> Option<ServingStatus> {
    let mut health = HealthClient::new(client.channel.clone());
    let request = client.request(HealthCheckRequest { service: service.into() });
    let answer = client.runtime.block_on(async { health.check(request).await });
    answer.ok().map(|answer| answer.into_inner().status())
}

#[test]
fn health_follows_readiness_and_needs_no_token() {
    let broker = Broker::start();
    let port = free_port();
    let tokens = "[[hub.tokens]]\nname = \"a\"\nrole = \"viewer\"\ntoken_file = \"a.token\"\n";
    let mut hub = Hub::prepare(&listening(port, &format!("{tokens}{}", broker.section())));
    hub.write("a.token", "a-secret-0123456789");
    hub.launch();
    let client = Client::new(port);
    for service in ["", SERVICE] {
        until("it serves", || health(&client, service) == Some(ServingStatus::Serving));
    }
    assert_eq!(health(&client, "another"), None);
    drop(broker);
    until("it says so", || health(&client, SERVICE) == Some(ServingStatus::NotServing));
    assert_eq!(hub.http().get("/readyz").status, 503);
}

#[test]
fn reflection_describes_the_service() {
    let (_hub, port) = hub_with_grpc("");
    let client = Client::new(port);
    let ask = |question: MessageRequest| {
        let mut reflection = ServerReflectionClient::new(client.channel.clone());
        let message =
            ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        client.runtime.block_on(async {
            let asked = client.request(tokio_stream::once(message));
            let mut answers = reflection.server_reflection_info(asked).await.unwrap().into_inner();
            answers.message().await.unwrap().unwrap().message_response.unwrap()
        })
    };
    let MessageResponse::ListServicesResponse(list) =
        ask(MessageRequest::ListServices(String::new()))
    else {
        panic!("no list")
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.iter().any(|name| name == SERVICE), "{names:?}");
    assert!(names.iter().any(|name| name == "grpc.health.v1.Health"), "{names:?}");
    let symbol = format!("{SERVICE}.DeductStock");
    let described = ask(MessageRequest::FileContainingSymbol(symbol));
    assert!(matches!(described, MessageResponse::FileDescriptorResponse(_)), "{described:?}");
}

/// examples/order_service.py, over code that grpcio-tools generates from our description.
#[test]
#[ignore = "scripts/test-order-service makes what it needs, from PyPI"]
fn an_order_service_in_python_sells_over_grpc() {
    let python = std::env::var("STOCKGATE_GRPC_PYTHON").expect("STOCKGATE_GRPC_PYTHON: a python3");
    let (hub, port) = hub_with_grpc("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/order_service.py");
    let output = Command::new(python)
        .arg(script)
        .args(["--hub", &format!("127.0.0.1:{port}"), "--check"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("all orders as expected"), "{said}");
    assert_eq!(hub.stock("85123A")["total"], 4);
}
