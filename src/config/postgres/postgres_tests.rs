use super::*;

#[test]
fn the_parts_of_an_address_are_unescaped() {
    let url = parse("postgres://hub:p%40s%23s%2F%25@db.example:5433/books").unwrap();
    assert_eq!(url.user.as_deref(), Some("hub"));
    assert_eq!(url.password.as_deref(), Some("p@s#s/%"));
    assert_eq!(url.hosts, [("db.example".to_owned(), 5433)]);
    assert_eq!(url.database, "books");
}

#[test]
fn several_servers_sockets_and_parameters_are_read() {
    let url = parse("postgresql://hub@a,b:6000,[::1]:7/books?target_session_attrs=read-write");
    let url = url.unwrap();
    let hosts = [("a", 5432), ("b", 6000), ("::1", 7)].map(|(host, port)| (host.to_owned(), port));
    assert_eq!((url.hosts.as_slice(), url.read_write), (hosts.as_slice(), true));
    let socket = parse("postgres://hub@%2Fvar%2Frun%2Fpostgresql/books").unwrap();
    assert_eq!(socket.hosts, [("/var/run/postgresql".to_owned(), 5432)]);
    let by_name = parse("postgres:///books?host=/run/pg&port=6&user=hub&sslmode=disable").unwrap();
    assert_eq!(by_name.hosts, [("/run/pg".to_owned(), 6)]);
    assert!(by_name.tls.is_none());
    for (text, prepared) in [("auto", None), ("on", Some(true)), ("off", Some(false))] {
        let url = parse(&format!("postgres://hub@a/books?prepared_statements={text}")).unwrap();
        assert_eq!(url.prepared_statements, prepared);
    }
}

#[test]
fn a_wrong_address_is_explained_without_its_password() {
    for (address, what) in [
        ("postgres://hub:sec@ret@host/books", "'@' where it has no meaning"),
        ("postgres://hub:sec#ret@host/books", "write %23"),
        ("postgres://hub:sec/ret@host/books", "write %2F"),
        ("postgres://hub:sec?ret@host/books", "write %3F"),
        ("postgres://hub:sec ret@host/books", "write %20"),
        ("postgres://hub:secret%@host/books", "write %25"),
        ("postgres://hub:secret%zz@host/books", "write %25"),
        ("postgres://hub:secret@host:port/books", "a port is not a number"),
        ("postgres://hub:secret@/books", "names no host"),
        ("postgres://hub:secret@host", "names no database"),
        ("postgres://hub:secret@host/", "names no database"),
        ("postgres://hub:secret@host/books?sslmode=allow", "sslmode: must be"),
        ("postgres://hub:secret@host/books?sslmod=require", "has an unknown parameter"),
        ("postgres://hub:secret@host/books?sslmode", "has no value"),
        ("postgres://hub:secret@host/books?connect_timeout=soon", "connect_timeout: must be"),
        ("postgres://hub:secret@host/books?prepared_statements=1", "must be auto, on or off"),
        ("postgres://hub:secret@host/books?sslcert=a", "go together"),
        ("postgres://hub:secret@host/books?sslrootcert=/absent", "sslrootcert: /absent cannot"),
        ("postgres://hub:secret@[::1/books", "does not end with ]"),
    ] {
        let message = parse(address).unwrap_err();
        assert!(message.contains(what), "{address}: {message}");
        for part in ["sec", "ret"] {
            let reveals = message.contains(part) && !message.contains("sslmode");
            assert!(!reveals, "{address}: {message}");
        }
    }
}

fn parse(text: &str) -> Result<PostgresUrl, String> {
    PostgresUrl::parse(text, Path::new("/"))
}
