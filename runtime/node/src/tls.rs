//! HTTPS and WSS: certificates from files, or one made for the moment.
//!
//! Invariants: TLS 1.2 and 1.3 and nothing older. Certificates that cannot be used do not replace those
//! that are.

use crate::config::Tls;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has no certificates or no key, or cannot be read.
    #[error("cannot read {file}: {why}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// Certificates and key do not belong together, or cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Unmade(#[from] rcgen::Error),
    /// Something is no certificate or no key.
    #[error("that is no certificate, or no key: {0}")]
    Pem(#[from] pem::Error),
    /// Clients cannot be told by their certificates.
    #[error("clients cannot be told by their certificates: {0}")]
    Verifier(String),
}

/// What does the cryptography.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates that are in use.
pub struct Certificates {
    source: Tls,
    now: RwLock<InUse>,
}

/// What connections are accepted with.
struct InUse {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

impl Certificates {
    /// Those that an operator named.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn new(source: Tls) -> Result<Self, TlsError> {
        let now = RwLock::new(load(&source)?);
        Ok(Certificates { source, now })
    }

    /// Reads the files again: connections from now on have the new certificates.
    ///
    /// # Errors
    /// They cannot be used; those from before stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        if let Tls::Files { .. } = self.source {
            let new = load(&self.source)?;
            *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        self.now.read().unwrap_or_else(PoisonError::into_inner).fingerprint.clone()
    }

    /// With what connections are accepted from now on.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).config.clone()
    }
}

fn load(source: &Tls) -> Result<InUse, TlsError> {
    let (certificates, key) = match source {
        Tls::Files { certificates, key } => {
            let cannot = |file: &PathBuf, why: String| TlsError::File { file: file.clone(), why };
            let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificates)
                .map_err(|error| cannot(certificates, error.to_string()))?
                .collect();
            let chain = chain.map_err(|error| cannot(certificates, error.to_string()))?;
            if chain.is_empty() {
                return Err(cannot(certificates, "there is no certificate in it".to_owned()));
            }
            let secret = PrivateKeyDer::from_pem_file(key);
            (chain, secret.map_err(|error| cannot(key, error.to_string()))?)
        }
        Tls::SelfSigned { names } => {
            let made = generate_simple_self_signed(names.clone())?;
            (vec![made.cert.der().clone()], own_key(&made))
        }
    };
    let hash = certificates.first().map(Sha256::digest).unwrap_or_default();
    let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(InUse { config: for_http(config), fingerprint: pairs.join(":") })
}

/// A key that was made for a certificate.
pub fn own_key(made: &CertifiedKey<KeyPair>) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into())
}

/// WebSocket begins as HTTP/1.1, and a client that offers both takes what comes first.
pub fn for_http(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
