//! Reads a private key, and names a file that cannot be used for what it is.

use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};

use super::der::is_whole;

/// What a key may be.
pub(super) const KINDS: &str = "use RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519";

/// The object identifier of P-521, which OpenSSL makes and the provider does not support.
const P521: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

/// Reads the key in a PEM file. The error says what to do.
pub(super) fn read(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| format!("{shown} cannot be used: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| unreadable(file, &text, error))?;
    let der = key.secret_der();
    if !is_whole(der) {
        return Err(format!("{shown} is cut or damaged: a part of the key is missing"));
    }
    if der.windows(P521.len()).any(|bytes| bytes == P521) {
        return Err(format!("{shown} holds a P-521 key, which is not supported: {KINDS}"));
    }
    Ok(key)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn unreadable(file: &Path, text: &[u8], error: pem::Error) -> String {
    let shown = file.display();
    let text = String::from_utf8_lossy(text);
    if text.contains("ENCRYPTED") {
        return format!(
            "{shown} is encrypted, and nobody is there to type the password: openssl pkey -in {shown} -out KEY writes it without one"
        );
    }
    if text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return format!(
            "{shown} is a key of OpenSSH: ssh-keygen -p -m PKCS8 -f {shown} converts it"
        );
    }
    match error {
        pem::Error::MissingSectionEnd { .. } | pem::Error::Base64Decode(_) => {
            format!("{shown} is cut or damaged: {error}")
        }
        pem::Error::NoItemsFound if text.contains("BEGIN CERTIFICATE") => {
            format!("{shown} holds a certificate and no key")
        }
        pem::Error::NoItemsFound if text.contains("PRIVATE KEY") => {
            format!("{shown} holds a key of a kind that is not supported: {KINDS}")
        }
        pem::Error::NoItemsFound => format!("{shown} holds no key in PEM"),
        error => format!("{shown} cannot be used: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made for this test by OpenSSL.
    const P256_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkwMxiKpSt2Gt7Xi/
0aACiIleD+7m3p5CRsx3wx18gjehRANCAASlfxY2di/lAI2ffYVOdI+TMckpZOLI
LGvd4dgfL2pfT/H/5WZokcXHwyUqxjEhtPr6MlsG3DHAbDkKmzMtgPcs
-----END PRIVATE KEY-----
";
    const P521_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAWNsPmOLXSPfuYjdE
u0Bg/FP8uZh+kzBy7thMkJuEHPRsvhHC06Gy6n+Ou+iHUvV/tJ1ZwVwhSIolt7qZ
Zl7sNEqhgYkDgYYABAETliIp/yPX6jxF78cKI0/SrUBJovHQO6mYmgaXW0qHOH6L
CN+R1sBPu25Yt6wWrczbgozJTwmCeKNbe/AWBZ/vagBL2ckqcpih88JHZpptLty6
jw+MAd9rQ/BsqD6jkbc0Pb3PyVgI5bl+E5biaCCb4/xU3N/7DkVVsQZgGbvnDtnA
bw==
-----END PRIVATE KEY-----
";

    #[test]
    fn a_key_whose_lines_are_missing_is_cut_and_one_of_p_521_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read(&file).map(|_| ())
        };
        assert_eq!(read(P256_KEY), Ok(()));
        let lines: Vec<&str> = P256_KEY.lines().collect();
        for missing in 1..4 {
            let left = lines.iter().enumerate().filter(|(line, _)| *line != missing);
            let text: String = left.map(|(_, line)| format!("{line}\n")).collect();
            let why = read(&text).unwrap_err();
            assert!(why.contains("key.pem is cut or damaged"), "without line {missing}: {why}");
        }
        let why = read(P521_KEY).unwrap_err();
        assert!(why.contains("a P-521 key, which is not supported: use RSA"), "{why}");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named_for_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        for (text, words) in [
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "is encrypted",
            ),
            (
                "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END EC PRIVATE KEY-----\n",
                "is encrypted",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIBVQIBADANBg", "is cut or damaged"),
            (
                "-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n",
                "of a kind that is not supported",
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
                "a key of OpenSSH",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                "a certificate and no key",
            ),
            ("nothing\n", "no key in PEM"),
        ] {
            std::fs::write(&file, text).unwrap();
            let why = read(&file).unwrap_err();
            assert!(why.contains(words) && why.contains("key.pem"), "{text}: {why}");
        }
    }
}
