//! The methods of the service.

use std::sync::Arc;

use hyper::HeaderMap;
use prost::Message;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, async_trait};

use super::answers::{cut, outcome, reservation, stock_item};
use super::deadline::Deadline;
use super::proto::inventory_service_server::InventoryService;
use super::proto::{
    CommitRequest, DeductRequest, ExtendRequest, GetStockRequest, ListReservationsRequest,
    ListReservationsResponse, ListStockRequest, ListStockResponse, ReceiveRequest, ReleaseRequest,
    Reservation, ReserveRequest, RollbackRequest, StockItem, StockOutcome, StockUpdate,
    WatchStockRequest,
};
use super::requests::{self, Asked};
use super::status::status;
use super::watch::{Watch, Watched};
use crate::hub::api::{HubApi, LastingToken};
use crate::hub::reader::{self, ReservationQuery};
use crate::hub::request::{CentralOperation, IdentifiedRequest};
use crate::net::access::{Principal, Role};
use crate::net::http::{PortAccess, page_size};
use crate::net::request::missing;
use crate::problem::{Code, Problem};
use crate::process::stop::Stop;

/// What a token that is bound to sites cannot reach.
const POOL: &str = "the pool";

/// The service; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    api: HubApi,
    access: PortAccess,
    stop: Stop,
}

impl Inventory {
    pub(super) fn new(api: HubApi, access: PortAccess, stop: Stop) -> Self {
        Self { api, access, stop }
    }

    /// The principal of a call, which is known from its head.
    fn admit<M>(&self, request: &Request<M>, needed: Role) -> Result<Arc<Principal>, Problem> {
        let principal = request.extensions().get::<Arc<Principal>>().expect("it was identified");
        self.access.admit_principal(principal, needed)?;
        Ok(Arc::clone(principal))
    }

    fn answer<T>(&self, result: Result<T, Problem>) -> Result<Response<T>, Status> {
        result.map(Response::new).map_err(|problem| {
            self.api.count_refusal(problem.code);
            status(&problem)
        })
    }

    async fn decide<M: Message>(
        &self,
        operation: CentralOperation,
        request: Request<M>,
        read: fn(M) -> Result<Asked, Problem>,
    ) -> Result<Response<StockOutcome>, Status> {
        // A timer ends the call of a client that waits no longer, but not as early as this.
        let deadline = deadline(&request);
        deadline.check()?;
        self.answer(self.decided(operation, request, read, deadline).await)
    }

    async fn decided<M: Message>(
        &self,
        operation: CentralOperation,
        request: Request<M>,
        read: fn(M) -> Result<Asked, Problem>,
        deadline: Deadline,
    ) -> Result<StockOutcome, Problem> {
        let principal = self.admit(&request, Role::Operator)?;
        principal.sites().check_all(POOL)?;
        let Asked { reservation, fields } = read(request.into_inner())?;
        // The id of a call is in its message: what a proxy adds to the metadata does not change it.
        let read = IdentifiedRequest::of(operation, reservation, &HeaderMap::new(), fields)?;
        let read = read.within(deadline.left());
        let decided = self.api.decide(operation, read, &principal).await?;
        decided.applied().map(outcome)
    }

    async fn reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<ListReservationsResponse, Problem> {
        self.admit(&request, Role::Viewer)?.sites().check_all(POOL)?;
        let ListReservationsRequest { order_id, sku, after, limit } = request.into_inner();
        let query = ReservationQuery {
            order_id: Some(order_id).filter(|id| !id.is_empty()),
            sku: Some(sku).filter(|sku| !sku.is_empty()),
            after,
            limit: page_size((limit > 0).then_some(limit.into()))?,
            now: self.api.clock.now(),
        };
        let page = self.api.read(move |db| reader::reservations(db, &query)).await?;
        let items = page.items.into_iter().map(reservation).collect();
        let (items, last) = cut(items, |item: &Reservation| &item.reservation);
        Ok(ListReservationsResponse { next: last.or(page.next).unwrap_or_default(), items })
    }

    async fn stock(&self, request: Request<GetStockRequest>) -> Result<StockItem, Problem> {
        let sites = self.admit(&request, Role::Viewer)?.sites().clone();
        let GetStockRequest { sku } = request.into_inner();
        if sku.is_empty() {
            return Err(missing("sku"));
        }
        let wanted = sku.clone();
        let found = self.api.read(move |db| reader::stock(db, &wanted, &sites)).await?;
        let unknown = || Problem::new(Code::UnknownSku, format!("SKU {sku} is not in the books"));
        found.map(stock_item).ok_or_else(unknown)
    }

    async fn stock_page(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<ListStockResponse, Problem> {
        let sites = self.admit(&request, Role::Viewer)?.sites().clone();
        let ListStockRequest { after, limit } = request.into_inner();
        let limit = page_size((limit > 0).then_some(limit.into()))?;
        let page = self.api.read(move |db| reader::stock_list(db, &after, limit, &sites)).await?;
        let items = page.items.into_iter().map(stock_item).collect();
        let (items, last) = cut(items, |item: &StockItem| &item.sku);
        Ok(ListStockResponse { next: last.or(page.next).unwrap_or_default(), items })
    }

    fn watch(
        &self,
        request: Request<WatchStockRequest>,
    ) -> Result<ReceiverStream<Result<StockUpdate, Status>>, Problem> {
        let principal = self.admit(&request, Role::Viewer)?;
        let deadline = deadline(&request);
        let watched = Watched::read(request.into_inner())?;
        let follower = self.api.follower()?;
        let (api, stop) = (self.api.clone(), self.stop.clone());
        let token = LastingToken::new(&self.access, principal);
        let watch = Watch { api, token, deadline, stop, watched };
        Ok(watch.begin(follower))
    }
}

/// When the client of a call stops waiting.
fn deadline<M>(request: &Request<M>) -> Deadline {
    let deadline = request.extensions().get::<Deadline>().copied();
    deadline.unwrap_or_else(|| Deadline::after(None))
}

#[async_trait]
impl InventoryService for Inventory {
    type WatchStockStream = ReceiverStream<Result<StockUpdate, Status>>;

    async fn deduct_stock(
        &self,
        request: Request<DeductRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Deduct, request, requests::deduct).await
    }

    async fn receive_stock(
        &self,
        request: Request<ReceiveRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Receipt, request, requests::receive).await
    }

    async fn reserve_stock(
        &self,
        request: Request<ReserveRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Reserve, request, requests::reserve).await
    }

    async fn commit_reservation(
        &self,
        request: Request<CommitRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Commit, request, requests::commit).await
    }

    async fn extend_reservation(
        &self,
        request: Request<ExtendRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Extend, request, requests::extend).await
    }

    async fn release_reservation(
        &self,
        request: Request<ReleaseRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Release, request, requests::release).await
    }

    async fn rollback_stock(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<StockOutcome>, Status> {
        self.decide(CentralOperation::Rollback, request, requests::rollback).await
    }

    async fn list_reservations(
        &self,
        request: Request<ListReservationsRequest>,
    ) -> Result<Response<ListReservationsResponse>, Status> {
        self.answer(self.reservations(request).await)
    }

    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<StockItem>, Status> {
        self.answer(self.stock(request).await)
    }

    async fn list_stock(
        &self,
        request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        self.answer(self.stock_page(request).await)
    }

    async fn watch_stock(
        &self,
        request: Request<WatchStockRequest>,
    ) -> Result<Response<Self::WatchStockStream>, Status> {
        self.answer(self.watch(request))
    }
}
