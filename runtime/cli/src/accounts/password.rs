//! Where the password of a key comes from: a file, the environment, or the keyboard. Never an
//! argument: other processes can read those.

use super::{Book, Keystore};
use alloy_signer_local::PrivateKeySigner;
use anyhow::{Context, Result, bail};
use std::{env, fs, io, io::IsTerminal, path::PathBuf};

/// The environment variable that holds a password.
const VARIABLE: &str = "FLORIN_PASSWORD";

/// How the password is given. Without this option it is taken from FLORIN_PASSWORD, or asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PasswordArgs {
    /// Read the password of the key from the first line of this file (else FLORIN_PASSWORD is
    /// used, else it is asked for)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The password of a key that exists.
    pub fn existing(&self, whose: &str) -> Result<String> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask(&format!("Password of {whose}: ")),
        }
    }

    /// The key of a name or an address.
    pub fn unlock(&self, book: &Book, keys: &Keystore, who: &str) -> Result<PrivateKeySigner> {
        let address = book.resolve(who)?;
        let who = book.show(address);
        if !keys.has(address)? {
            bail!("there is no key for {who} here; bring it in with `florin account import`");
        }
        keys.unlock(address, &self.existing(&who)?, &who)
    }

    /// The password for a new key; typed twice if it is typed.
    pub fn new_one(&self, whose: &str) -> Result<String> {
        let given = self.given()?;
        let is_typed = given.is_none();
        let password = match given {
            Some(password) => password,
            None => ask(&format!("New password for {whose}: "))?,
        };
        if password.is_empty() {
            bail!("an empty password protects nothing; nothing was done");
        }
        if is_typed && ask("The same again: ")? != password {
            bail!("the passwords differ; nothing was done");
        }
        Ok(password)
    }

    fn given(&self) -> Result<Option<String>> {
        let Some(path) = &self.password_file else { return Ok(env::var(VARIABLE).ok()) };
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the password file {}", path.display()))?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// Asks for something that must not be seen.
pub fn ask(prompt: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a password: give --password-file or set {VARIABLE}");
    }
    rpassword::prompt_password(prompt).context("cannot read from the terminal")
}
