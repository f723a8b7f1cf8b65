//! A client of the hub's gRPC interface that waits for each answer.

use std::time::Duration;

use tokio::runtime::Runtime;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};
use tonic_types::StatusExt as _;

use super::proto::inventory_service_client::InventoryServiceClient;
use super::proto::{
    CommitRequest, DeductRequest, ExtendRequest, GetStockRequest, Line, ListReservationsRequest,
    ListReservationsResponse, ListStockRequest, ListStockResponse, ReceiveRequest, ReleaseRequest,
    ReserveRequest, RollbackRequest, StockItem, StockOutcome, StockUpdate, WatchStockRequest, line,
};
use crate::support::hub::Hub;
use crate::support::patience::patience;
use crate::support::process::free_port;

/// A hub with a gRPC interface, and its port.
pub(super) fn hub_with_grpc(keys: &str) -> (Hub, u16) {
    let port = free_port();
    (Hub::start_with(&listening(port, keys)), port)
}

/// The keys of a hub that listens for gRPC, followed by others.
pub(super) fn listening(port: u16, keys: &str) -> String {
    format!("grpc_listen = \"127.0.0.1:{port}\"\n{keys}")
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) runtime: Runtime,
    pub(super) channel: Channel,
    pub(super) token: Option<String>,
    /// The deadline of each call.
    pub(super) within: Option<Duration>,
}

/// One call of each method, for its answer.
macro_rules! calls {
    ($($name:ident: $method:ident($request:ty) -> $answer:ty,)*) => {
        $(pub(super) fn $name(&self, message: $request) -> Result<$answer, Status> {
            let (mut service, request) = (self.service(), self.request(message));
            let call = async { service.$method(request).await };
            self.runtime.block_on(call).map(tonic::Response::into_inner)
        })*
    };
}

impl Client {
    pub(super) fn new(port: u16) -> Self {
        Self::of(Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap())
    }

    /// A client over TLS that trusts an authority.
    pub(super) fn with_tls(port: u16, authority: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{port}")).unwrap();
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        Self::of(endpoint.tls_config(tls).unwrap())
    }

    fn of(endpoint: Endpoint) -> Self {
        let runtime = Runtime::new().unwrap();
        let channel = {
            let _entered = runtime.enter();
            endpoint.connect_lazy()
        };
        Self { runtime, channel, token: None, within: None }
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    pub(super) fn service(&self) -> InventoryServiceClient<Channel> {
        InventoryServiceClient::new(self.channel.clone())
    }

    pub(super) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        request.set_timeout(self.within.unwrap_or_else(patience));
        request
    }

    calls! {
        deduct: deduct_stock(DeductRequest) -> StockOutcome,
        receive: receive_stock(ReceiveRequest) -> StockOutcome,
        reserve: reserve_stock(ReserveRequest) -> StockOutcome,
        commit: commit_reservation(CommitRequest) -> StockOutcome,
        extend: extend_reservation(ExtendRequest) -> StockOutcome,
        release: release_reservation(ReleaseRequest) -> StockOutcome,
        roll_back: rollback_stock(RollbackRequest) -> StockOutcome,
        reservations: list_reservations(ListReservationsRequest) -> ListReservationsResponse,
        stock: get_stock(GetStockRequest) -> StockItem,
        stock_list: list_stock(ListStockRequest) -> ListStockResponse,
        watch: watch_stock(WatchStockRequest) -> Streaming<StockUpdate>,
    }

    /// Receives units of one SKU.
    pub(super) fn receive_one(&self, id: &str, sku: &str, units: i64) {
        let lines = vec![units_of(sku, units)];
        self.receive(ReceiveRequest { request_id: id.into(), lines, ..Default::default() })
            .unwrap();
    }

    /// The next update of a watch.
    pub(super) fn next(
        &self,
        updates: &mut Streaming<StockUpdate>,
    ) -> Result<Option<StockUpdate>, Status> {
        let next = async { tokio::time::timeout(patience(), updates.message()).await };
        self.runtime.block_on(next).expect("an update in time")
    }
}

/// A line in the smallest unit.
pub(super) fn units_of(sku: &str, units: i64) -> Line {
    Line { sku: sku.into(), amount: Some(line::Amount::Units(units)), trace: None }
}

/// A line as a decimal number.
pub(super) fn decimal_of(sku: &str, number: &str) -> Line {
    Line { sku: sku.into(), amount: Some(line::Amount::Decimal(number.into())), trace: None }
}

/// A sale by the fields that every client has.
pub(super) fn sale(sku: &str, quantity: i32, order_id: &str) -> DeductRequest {
    DeductRequest {
        sku_id: sku.into(),
        quantity,
        order_id: order_id.into(),
        ..DeductRequest::default()
    }
}

/// The code of an error and the reason that it gives.
pub(super) fn why<T: std::fmt::Debug>(result: Result<T, Status>) -> (tonic::Code, String) {
    let status = result.unwrap_err();
    let reason = status.get_details_error_info().map(|info| info.reason);
    (status.code(), reason.unwrap_or_else(|| panic!("{status:?} gives no reason")))
}
