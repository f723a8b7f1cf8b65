//! The address of books in PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?KEY=VALUE`,
//! with the parameters of libpq that apply here.
//!
//! A message about a wrong address never contains a value that may be, or may contain, a part of
//! the password.

mod options;
mod url;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use self::options::Options;
pub use self::options::PostgresTls;
use self::url::UrlParts;

/// Books in PostgreSQL: everything needed to connect.
#[derive(Clone)]
pub struct PostgresUrl {
    /// The role, or the name of the account if the address names none.
    pub user: Option<String>,
    /// The role's password.
    pub password: Option<String>,
    /// The servers, in the order in which they are tried. A host that starts with `/` is the
    /// directory of a Unix socket.
    pub hosts: Vec<(String, u16)>,
    /// The database.
    pub database: String,
    /// `sslmode` and the files: `None` for connections without TLS.
    pub tls: Option<PostgresTls>,
    /// `target_session_attrs=read-write`: a server that is read-only is skipped.
    pub read_write: bool,
    /// `connect_timeout`, for each server.
    pub connect_timeout: Option<Duration>,
    /// `tcp_user_timeout`.
    pub tcp_user_timeout: Option<Duration>,
    /// `keepalives_idle`.
    pub keepalives_idle: Option<Duration>,
    /// `application_name`.
    pub application_name: Option<String>,
    /// `prepared_statements`: whether sessions keep them; `None` to find out.
    pub prepared_statements: Option<bool>,
}

impl PostgresUrl {
    /// Reads an address; the names of files are relative to `directory`.
    ///
    /// # Errors
    /// Says what is wrong with it, without its password.
    pub(super) fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        let parts = UrlParts::split(text)?;
        let mut options = Options::default();
        for (key, value) in &parts.parameters {
            options.set(key, value)?;
        }
        let hosts = if options.hosts.is_empty() { parts.hosts } else { options.take_hosts()? };
        if hosts.is_empty() {
            return Err("names no host: postgres://USER@HOST/DATABASE".into());
        }
        let database = parts.database.or(options.database.take());
        Ok(Self {
            user: parts.user.or(options.user.take()),
            password: parts.password.or(options.password.take()),
            hosts,
            database: database.ok_or("names no database: postgres://USER@HOST/DATABASE")?,
            tls: options.tls(directory)?,
            read_write: options.read_write,
            connect_timeout: options.connect_timeout,
            tcp_user_timeout: options.tcp_user_timeout,
            keepalives_idle: options.keepalives_idle,
            application_name: options.application_name,
            prepared_statements: options.prepared_statements,
        })
    }
}

impl PostgresUrl {
    /// Whether both name the same database, as the same user.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let of = |url: &Self| {
            let Self { user, password, hosts, database, .. } = url.clone();
            (user, password, hosts, database, url.read_write)
        };
        of(self) == of(other)
    }
}

impl fmt::Debug for PostgresUrl {
    /// Leaves out the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hosts, database, .. } = self;
        f.debug_struct("PostgresUrl")
            .field("hosts", hosts)
            .field("database", database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "postgres_tests.rs"]
mod tests;
