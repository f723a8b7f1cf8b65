//! Makes connections: tries the servers in their order, each within a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use socket2::TcpKeepalive;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, Error, NoTls};

use super::direct::{self, Connected, Sessions, SocketSettings, spawn};
use super::tls::Tls;
use crate::config::PostgresUrl;
use crate::limits::{BOOKS_CONNECT_MAX, BOOKS_CONNECTIONS_MAX, BOOKS_TRANSACTION_MAX};

/// After this time without an answer to keepalives or to data, a connection counts as lost.
const UNANSWERED: Duration = Duration::from_secs(5);
const KEEPALIVES_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVES_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVES_RETRIES: u32 = 3;

/// The connections to these books, and what is known of their sessions. None is made before the first is
/// needed.
pub(super) fn pool(url: &PostgresUrl) -> (Pool, Arc<Sessions>) {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let all = connect_limit(url).saturating_mul(u32::try_from(url.hosts.len()).unwrap_or(u32::MAX));
    let sessions = Arc::new(Sessions::new(url.prepared_statements));
    let servers = Servers { url: url.clone(), sessions: Arc::clone(&sessions) };
    let manager = Manager::from_connect(Config::new(), servers, config);
    let pool = Pool::builder(manager)
        .max_size(BOOKS_CONNECTIONS_MAX)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(BOOKS_TRANSACTION_MAX))
        .create_timeout(Some(all.min(BOOKS_TRANSACTION_MAX)))
        .build()
        .expect("a runtime is named for the timeouts");
    (pool, sessions)
}

fn connect_limit(url: &PostgresUrl) -> Duration {
    url.connect_timeout.unwrap_or(BOOKS_CONNECT_MAX)
}

struct Servers {
    url: PostgresUrl,
    sessions: Arc<Sessions>,
}

impl Connect for Servers {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.connect_to_any())
    }
}

impl Servers {
    /// The last server has the time that is left of the pool's limit.
    async fn connect_to_any(&self) -> Result<Connected, Error> {
        let (last, others) = self.url.hosts.split_last().expect("an address names a host");
        for (host, port) in others {
            let limit = connect_limit(&self.url);
            if let Ok(Ok(connected)) = timeout(limit, self.connect_to(host, *port)).await {
                return Ok(connected);
            }
        }
        self.connect_to(&last.0, last.1).await
    }

    async fn connect_to(&self, host: &str, port: u16) -> Result<Connected, Error> {
        let mut config = self.config(host, port);
        if self.sessions.are_examined()
            && let Some((connected, is_own)) =
                self.connect_directly(config.clone(), host, port).await
        {
            if !is_own {
                self.sessions.set_unknown();
            }
            return Ok(connected);
        }
        let connected = match &self.url.tls {
            // A socket in the file system needs no TLS.
            Some(tls) if !host.starts_with('/') => {
                let connector = Tls(tls.config.clone());
                config.ssl_mode(self.ssl_mode()).connect(connector).await.map(spawn)
            }
            Some(_) | None => config.ssl_mode(SslMode::Disable).connect(NoTls).await.map(spawn),
        }?;
        self.sessions.set_unknown();
        Ok(connected)
    }

    async fn connect_directly(
        &self,
        mut config: Config,
        host: &str,
        port: u16,
    ) -> Option<(Connected, bool)> {
        if host.starts_with('/') {
            return None;
        }
        config.ssl_mode(self.ssl_mode());
        let keepalive = TcpKeepalive::new()
            .with_time(self.url.keepalives_idle.unwrap_or(KEEPALIVES_IDLE))
            .with_interval(KEEPALIVES_INTERVAL)
            .with_retries(KEEPALIVES_RETRIES);
        let user_timeout = self.url.tcp_user_timeout.unwrap_or(UNANSWERED);
        let settings = SocketSettings { user_timeout, keepalive };
        direct::connect(&config, (host, port), self.url.tls.as_ref(), &settings).await
    }

    fn ssl_mode(&self) -> SslMode {
        match &self.url.tls {
            Some(tls) if tls.required => SslMode::Require,
            Some(_) => SslMode::Prefer,
            None => SslMode::Disable,
        }
    }

    fn config(&self, host: &str, port: u16) -> Config {
        let PostgresUrl { user, password, database, read_write, .. } = &self.url;
        let mut config = Config::new();
        config.host(host).port(port).dbname(database);
        if let Some(user) = user {
            config.user(user);
        }
        if let Some(password) = password {
            config.password(password);
        }
        if *read_write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config
            .application_name(self.url.application_name.as_deref().unwrap_or("stockgate-hub"))
            .tcp_user_timeout(self.url.tcp_user_timeout.unwrap_or(UNANSWERED))
            .keepalives_idle(self.url.keepalives_idle.unwrap_or(KEEPALIVES_IDLE))
            .keepalives_interval(KEEPALIVES_INTERVAL)
            .keepalives_retries(KEEPALIVES_RETRIES);
        config
    }
}
