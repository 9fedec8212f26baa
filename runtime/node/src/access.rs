//! The way into the administrative interface: certificates of both sides and a token, which a node
//! makes anew whenever it starts.
//!
//! Each side knows the other's certificate and accepts no other, so nobody who takes the node's place
//! at its port is told the token or believed.
//!
//! Invariant: whoever has an [`Access`] may do everything, and nobody else anything.

use crate::tls::{TlsError, for_http, own_key, provider};
use alloy_primitives::hex;
use rcgen::generate_simple_self_signed;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Bytes of random in a token.
const TOKEN_BYTES: usize = 32;
/// The name in the certificate of clients, which nobody looks at.
const CLIENT: &str = "florin-administrator";

/// What opens the administrative interface of a node that runs.
#[derive(Clone, Serialize, Deserialize)]
pub struct Access {
    /// Where it listens.
    pub administration: SocketAddr,
    /// What requests come with: `authorization: Bearer ...`.
    pub token: String,
    /// The node's certificate in PEM: no other is at that place.
    pub server_certificate: String,
    /// The client's certificate in PEM.
    pub client_certificate: String,
    /// The key that belongs to it, in PEM.
    pub client_key: String,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Key and token are nobody's business.
        f.debug_struct("Access")
            .field("administration", &self.administration)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// A new one for a node that listens at `administration`, and what the node accepts connections
    /// with.
    ///
    /// # Errors
    /// No certificate can be made.
    pub(crate) fn new(administration: SocketAddr) -> Result<(Self, Arc<ServerConfig>), TlsError> {
        let server = generate_simple_self_signed([administration.ip().to_string()])?;
        let client = generate_simple_self_signed([CLIENT.to_owned()])?;
        let clients = Arc::new(only(client.cert.der().clone())?);
        let clients = WebPkiClientVerifier::builder_with_provider(clients, provider()).build();
        let clients = clients.map_err(|error| TlsError::Verifier(error.to_string()))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![server.cert.der().clone()], own_key(&server))?;
        let access = Access {
            administration,
            token: hex::encode(rand::random::<[u8; TOKEN_BYTES]>()),
            server_certificate: server.cert.pem(),
            client_certificate: client.cert.pem(),
            client_key: client.signing_key.serialize_pem(),
        };
        Ok((access, for_http(config)))
    }

    /// With what a client connects.
    ///
    /// # Errors
    /// Certificates or key are none.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
        let server = certificate(&self.server_certificate)?;
        let client = certificate(&self.client_certificate)?;
        let key = PrivateKeyDer::from_pem_slice(self.client_key.as_bytes())?;
        Ok(ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(only(server)?)
            .with_client_auth_cert(vec![client], key)?)
    }
}

/// What trusts one certificate.
fn only(certificate: CertificateDer<'static>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    Ok(roots)
}
