//! Reads the PEM files for TLS, to the broker and at the terminal port. The provider is ring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use xxhash_rust::xxh3::Xxh3;

use super::CertificateDates;
use super::private_key::{self, KINDS};

/// The bundle of trusted certificate authorities on most systems.
const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The key that is wrong, and a message.
pub(crate) type TlsProblem = (&'static str, String);

/// The certificate and key of the terminal port.
#[derive(Clone)]
pub struct ServerTls {
    /// For rustls; shared by all connections.
    pub config: Arc<ServerConfig>,
    files: u64,
}

impl PartialEq for ServerTls {
    /// Whether both were read from the same files with the same contents.
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl std::fmt::Debug for ServerTls {
    /// Leaves out the key, so that it never gets into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

/// Reads the certificate chain and the key of the terminal port.
pub(super) fn server(cert_file: &Path, key_file: &Path) -> Result<ServerTls, TlsProblem> {
    let (chain, key) = identity(cert_file, key_file)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ("cert_file", error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| ("key_file", unsuitable(key_file, &error)))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let files = fingerprint([cert_file.to_owned(), key_file.to_owned()].iter());
    Ok(ServerTls { config: Arc::new(config), files })
}

/// A hash of the names and contents of files. A file that cannot be read counts as empty here; the
/// code that uses the file reports it.
pub(super) fn fingerprint<'a>(files: impl Iterator<Item = &'a PathBuf>) -> u64 {
    let mut hasher = Xxh3::new();
    for file in files {
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(&std::fs::read(file).unwrap_or_default());
    }
    hasher.digest()
}

fn identity(
    cert_file: &Path,
    key_file: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsProblem> {
    let chain = certificates(cert_file).map_err(|why| ("cert_file", why))?;
    let key = private_key::read(key_file).map_err(|why| ("key_file", why))?;
    Ok((chain, key))
}

/// What is wrong with a key that could be read.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn unsuitable(file: &Path, error: &rustls::Error) -> String {
    let shown = file.display();
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("{shown} does not belong to the certificate in cert_file")
        }
        // The provider names no type of its own for a key that it cannot use.
        rustls::Error::General(_) => {
            format!("{shown} holds a key of a kind that is not supported: {KINDS}")
        }
        other => unusable(file, other),
    }
}

/// Reads the trusted certificate authorities for connections to the broker, and our own certificate
/// and key if they are configured.
pub(crate) fn client(
    ca_file: Option<&Path>,
    identity: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, TlsProblem> {
    let roots = roots(ca_file.unwrap_or(Path::new(SYSTEM_CA_FILE)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ("url", error.to_string()))?
        .with_root_certificates(roots);
    let Some((cert_file, key_file)) = identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let (chain, key) = self::identity(cert_file, key_file)?;
    let config = builder.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|error| ("key_file", unsuitable(key_file, &error)))
}

/// How much of a server's certificate is verified.
#[cfg(feature = "hub")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verify {
    /// Nothing: the connection is encrypted, to any server that answers.
    Nothing,
    /// That a trusted authority has issued it.
    Issuer,
    /// The host's name too.
    Full,
}

/// The TLS of connections to PostgreSQL.
#[cfg(feature = "hub")]
pub(super) fn postgres(
    ca_file: Option<&Path>,
    identity: Option<(&Path, &Path)>,
    verify: Verify,
) -> Result<Arc<ClientConfig>, TlsProblem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ("sslmode", error.to_string()))?;
    let builder = if verify == Verify::Full {
        builder.with_root_certificates(roots(ca_file.unwrap_or(Path::new(SYSTEM_CA_FILE)))?)
    } else {
        let issuers = (verify == Verify::Issuer)
            .then(|| roots(ca_file.unwrap_or(Path::new(SYSTEM_CA_FILE))))
            .transpose()?;
        let verifier = super::verifier::LenientVerifier::new(provider, issuers)
            .map_err(|error| ("ca_file", error))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    let Some((cert_file, key_file)) = identity else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let (chain, key) = self::identity(cert_file, key_file)?;
    let config = builder.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|error| ("key_file", unsuitable(key_file, &error)))
}

fn roots(ca_file: &Path) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    // A system's bundle may contain certificates that rustls does not accept; the others suffice.
    roots.add_parsable_certificates(certificates(ca_file).map_err(|why| ("ca_file", why))?);
    if roots.is_empty() {
        return Err(("ca_file", format!("{} holds no usable certificate", ca_file.display())));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, &error))?;
    match certificates.is_empty() {
        true => Err(format!("{} holds no certificate in PEM", file.display())),
        false => Ok(certificates),
    }
}

/// The dates of the certificate in a file, the first one of a chain.
pub(super) fn dates(cert_file: &Path) -> Option<CertificateDates> {
    CertificateDates::of(certificates(cert_file).ok()?.first()?)
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{} cannot be used: {error}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RSA with 1024 bits, made for this test by OpenSSL.
    const SHORT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBALYPrav5u7SGSN6E
DQyJdpeEbD+8n7XWGXCqtsk6IGwpc7TkG8aKw88FIPvtvh2R81v6i2TRWvUA/5eH
3V04Q2bem69hBHZFHtcaDX0S9HDXQ/RekVkWaff2Smer+iQPAf9pXNBX95RAcS7F
h7QzgroeZWWt7CEzFltxzBkv2XV7AgMBAAECgYBeiPmXKQ/Mh0XjNRJJhj9sIbjL
x7fuhYOkOyC6kFIxl7ybGy9JAtj18CXWavajCBwjkI89BHCEc8ZD+qp5MzPbn0Ud
1rWdRNYocIo7n92ZoRscqvhmwCZe97Lgw9kVDYzQDlc7IIFxDySl+DsF7htDh0/C
Phs2gJ8qCtnbMkcVUQJBAO470iw86yWe6jDHjCVLmvi196tkvWlBAPiKsJKYkFXy
ITAo1BkRh9IsU8yCZbAUMQVgTl2rtYYIJE4RqRYZPY8CQQDDo3SUqzpXETXv42Bi
kbqxGLGXhwyLQQOk3GdSeuwJFxuhdYNAWpCGuF3gn9p1Zn0pi5Yp3Ag55j/Zz20T
TytVAkEAhQTv4HWPUq091EjHTte9SxvHk3KndAqwsRY3a1M2XFbbAxn4+5pXPRo1
HB6/CqbrjDXu68yBibooE1M3Fzi2rwJBAJGVVE7BsNNT0mBmQrZ3HYdmCdnpvHLv
+Yc4IIcnQ/hrwrr+2KIOAtjN38YlDosormE5J5CU1WZIqiEqk0+4LVUCQQDESzmd
kcwUO5a3skKrP1mREGYhMqJimyZYz0JN8bGbiK7Ul9gCy+o5NS6pF0gN68eUpuSq
UfRf+WDXIA8t++PP
-----END PRIVATE KEY-----
";
    const ITS_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIB/jCCAWegAwIBAgIUbMjQNCi38wSylg6dCAXiyCStd3wwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFc2hvcnQwIBcNMjYxMTMwMTYwMDUxWhgPMjEyNjExMDYx
NjAwNTFaMBAxDjAMBgNVBAMMBXNob3J0MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB
iQKBgQC2D62r+bu0hkjehA0MiXaXhGw/vJ+11hlwqrbJOiBsKXO05BvGisPPBSD7
7b4dkfNb+otk0Vr1AP+Xh91dOENm3puvYQR2RR7XGg19EvRw10P0XpFZFmn39kpn
q/okDwH/aVzQV/eUQHEuxYe0M4K6HmVlrewhMxZbccwZL9l1ewIDAQABo1MwUTAd
BgNVHQ4EFgQUgS8v0Nx4CiBB6ZW6A6qo17KPAvswHwYDVR0jBBgwFoAUgS8v0Nx4
CiBB6ZW6A6qo17KPAvswDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOB
gQC13VG0XD9e53UBquUnfroW/KEHaLTyWWwRI4AUdE9k1bYtTmHStB5f4KgxMozE
+8mVNwq9kP/V0HcwECQBRMQlKq8TbkcCfifTF61wFa7VGOWihGBjsJe0j8U2Yl27
DonsMBjRd3pldDwemY0SM56Idp1S1I05vhE4psaAri1sYA==
-----END CERTIFICATE-----
";

    #[test]
    fn a_key_that_is_too_short_is_named_with_what_would_do() {
        let dir = tempfile::tempdir().unwrap();
        let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        std::fs::write(&cert_file, ITS_CERTIFICATE).unwrap();
        std::fs::write(&key_file, SHORT_KEY).unwrap();
        let read = client(Some(&cert_file), Some((&cert_file, &key_file)));
        let (key, why) = read.unwrap_err();
        assert_eq!(key, "key_file");
        assert!(why.contains("key.pem") && why.contains("use RSA of 2048 to 4096 bits"), "{why}");
    }
}
