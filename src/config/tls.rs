//! TLS to the broker: rustls with ring, from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Where most systems keep the authorities they trust.
const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is wrong, and with which key.
pub(super) type TlsProblem = (&'static str, String);

/// Reads the authorities that may vouch for the broker, and our own certificate and key if there
/// are any.
pub(super) fn client(
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
    let chain = certificates(cert_file).map_err(|why| ("cert_file", why))?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| ("key_file", unusable(key_file, &error)))?;
    let config = builder.with_client_auth_cert(chain, key);
    config.map(Arc::new).map_err(|error| ("key_file", unusable(key_file, &error)))
}

fn roots(ca_file: &Path) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    // A system's bundle may hold odd ones; what matters is that some can be used.
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

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{} cannot be used: {error}", file.display())
}
