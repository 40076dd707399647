//! Certificates for the broker's secure listeners, made anew with each broker.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The password of the client's private key.
pub const KEY_PASSWORD: &str = "drakkar-key-password";

/// Where the certificates of a broker are. They hold for a day or so: a broker for tests does not live longer.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Those in this folder.
    pub(super) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The authority that signed the broker's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// An authority that signed nothing here.
    pub fn stranger(&self) -> PathBuf {
        self.folder.join("stranger.pem")
    }

    /// A client's certificate, signed by the authority.
    pub fn client(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// The client's private key, encrypted with [`KEY_PASSWORD`].
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client.key")
    }

    /// The broker's key and certificate in one file.
    pub(super) fn broker(&self) -> PathBuf {
        self.folder.join("broker.pem")
    }

    /// Makes all of them.
    pub(super) fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).with_context(|| format!("making {}", self.folder.display()))?;
        let folder = &self.folder;
        for name in ["ca", "stranger"] {
            let subject = format!("/CN=drakkar {name}");
            openssl(
                folder,
                &[
                    "-subj",
                    &subject,
                    "-keyout",
                    &format!("{name}.key"),
                    "-out",
                    &format!("{name}.pem"),
                    "-noenc",
                ],
            )?;
        }
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        let broker = [
            "-subj",
            "/CN=drakkar broker",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "broker.key",
            "-out",
            "broker.crt",
            "-noenc",
        ];
        openssl(folder, &[&signed[..], &broker].concat())?;
        let password = format!("pass:{KEY_PASSWORD}");
        let client = [
            "-subj",
            "/CN=drakkar client",
            "-keyout",
            "client.key",
            "-out",
            "client.pem",
            "-passout",
            &password,
        ];
        openssl(folder, &[&signed[..], &client].concat())?;
        let read =
            |name: &str| fs::read_to_string(folder.join(name)).with_context(|| format!("reading {name}"));
        fs::write(self.broker(), read("broker.key")? + &read("broker.crt")?)
            .context("writing the broker's certificate")
    }
}

/// Makes a key and a certificate.
fn openssl(folder: &Path, args: &[&str]) -> Result<()> {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("running openssl")?;
    ensure!(output.status.success(), "openssl failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(ca: &Path, certificate: &Path) -> bool {
        let mut command = Command::new("openssl");
        command.arg("verify").arg("-CAfile").arg(ca).arg(certificate);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    #[test]
    fn the_authority_vouches_for_broker_and_client_and_the_stranger_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::of(folder.path());
        certificates.make().unwrap();
        for certificate in [folder.path().join("broker.crt"), certificates.client()] {
            assert!(verify(&certificates.ca(), &certificate));
            assert!(!verify(&certificates.stranger(), &certificate));
        }
        let key = fs::read_to_string(certificates.client_key()).unwrap();
        assert!(key.contains("ENCRYPTED"), "{key}");
    }
}
