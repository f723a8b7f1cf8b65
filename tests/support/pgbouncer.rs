//! PgBouncer from Debian's package, in transaction mode, before a PostgreSQL server.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::patience::until;
use super::postgres::Postgres;
use super::process::free_port;

pub struct PgBouncer {
    process: Child,
    port: u16,
    _dir: TempDir,
}

impl PgBouncer {
    pub fn before(postgres: &Postgres) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        // It gives up root's rights, and reads the file afterwards.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = dir.path().join("pgbouncer.ini");
        let configuration = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n
             pool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n",
            postgres.port()
        );
        let configuration: Vec<&str> = configuration.lines().map(str::trim).collect();
        fs::write(&file, configuration.join("\n")).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.args(["-q", "-u", "nobody"]).arg(&file);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.expect("PgBouncer is missing: apt-get install pgbouncer");
        until("PgBouncer listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { process, port, _dir: dir }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
