//! PostgreSQL as a ledger: durable transfers, sent by its own `pgbench`.
//!
//! A private cluster is made in a temporary folder on the same disk, tuned so that it never waits
//! for anything but its commits, and removed. Invariant: no server that was running before is
//! touched.

use super::disk::settle;
use crate::measure::{Contender, Row, Whose};
use crate::workload::{FUNDS, Scale};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Numbers of clients that are tried; the best one counts.
const CLIENTS: [usize; 3] = [1, 8, 32];

/// A way of paying in SQL.
struct Way {
    id: &'static str,
    name: &'static str,
    work: &'static [&'static str],
    /// What `pgbench` runs again and again, and the paid account if it is always the same.
    script: &'static str,
    shop: bool,
}

const WAYS: [Way; 4] = [
    Way { id: "pg-updates", name: "PostgreSQL, spread", work: UPDATES, script: SQL, shop: false },
    Way {
        id: "pg-updates-shop",
        name: "PostgreSQL, one shop",
        work: SHOP,
        script: SQL,
        shop: true,
    },
    Way {
        id: "pg-procedure",
        name: "PostgreSQL, procedure, spread",
        work: PROCEDURE,
        script: CALL,
        shop: false,
    },
    Way {
        id: "pg-procedure-shop",
        name: "PostgreSQL, procedure, one shop",
        work: SHOP,
        script: CALL,
        shop: true,
    },
];

const SQL: &str = "\
BEGIN;
UPDATE accounts SET balance = balance - 1 WHERE id = :payer AND balance >= 1;
UPDATE accounts SET balance = balance + 1 WHERE id = :paid;
INSERT INTO payments (payer, paid, amount) VALUES (:payer, :paid, 1);
COMMIT;
";

const CALL: &str = "SELECT pay(:payer, :paid, 1);\n";

const SCHEMA: &str = "
CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE payments (
    id bigserial PRIMARY KEY, payer bigint NOT NULL, paid bigint NOT NULL, amount bigint NOT NULL
);
CREATE FUNCTION pay(payer bigint, paid bigint, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET balance = balance - amount WHERE id = payer AND balance >= amount;
    IF NOT FOUND THEN RAISE 'too little'; END IF;
    UPDATE accounts SET balance = balance + amount WHERE id = paid;
    INSERT INTO payments (payer, paid, amount) VALUES (payer, paid, amount);
END $$;
";

/// A cluster of its own, stopped and removed when dropped.
pub struct Postgres {
    bin: PathBuf,
    dir: TempDir,
    scale: Scale,
}

/// Rows for a machine that cannot measure them.
pub fn missing(reason: &anyhow::Error) -> Vec<Row> {
    let row = |way: &Way| Row {
        missing: Some(format!("{reason:#}")),
        ..Row::new(way.id, Whose::Baseline, way.name, way.work)
    };
    WAYS.iter().map(row).collect()
}

impl Postgres {
    /// Starts a cluster below `dir` with as many accounts as everybody else has.
    pub fn start(dir: &Path, scale: Scale) -> Result<Self> {
        let bin = programs()?;
        let dir = tempfile::Builder::new().prefix("postgres").tempdir_in(dir)?;
        let postgres = Postgres { bin, dir, scale };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(postgres.dir.path()))
                .context("as root it needs a user named postgres to run as")?;
        }
        let data = postgres.data();
        run(postgres
            .as_server("initdb")
            .args(["--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data))?;
        // Durable as it comes; the rest is so that nothing else slows it down.
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = on\n\
             synchronous_commit = on\nfull_page_writes = on\nmax_connections = 64\n\
             shared_buffers = 256MB\nmax_wal_size = 16GB\ncheckpoint_timeout = 1h\n\
             autovacuum = off\n",
            postgres.dir.path().display()
        );
        let own = postgres.dir.path().join("settings");
        std::fs::write(&own, settings)?;
        let include = format!("include = '{}'\n", own.display());
        run(postgres
            .as_server("sh")
            .args(["-c", "printf %s \"$1\" >> \"$2\"", "sh", &include])
            .arg(data.join("postgresql.conf")))?;
        let log = postgres.dir.path().join("log");
        run(postgres
            .as_server("pg_ctl")
            .args(["start", "-w", "-s", "-D"])
            .arg(&data)
            .arg("-l")
            .arg(log))?;
        let fill = format!(
            "INSERT INTO accounts SELECT id, {FUNDS} FROM generate_series(1, {}) id;",
            scale.accounts
        );
        for statements in [SCHEMA, &fill, "VACUUM ANALYZE", "CHECKPOINT"] {
            run(postgres.as_client("psql").args([
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statements,
            ]))?;
        }
        Ok(postgres)
    }

    /// Each way of paying, with the number of clients that suits it best.
    pub fn contenders(&self) -> Result<Vec<Contender<'_>>> {
        let contender = |way: &'static Way| {
            let script = self.dir.path().join(format!("{}.sql", way.id));
            std::fs::write(&script, self.script(way))?;
            let (mut best, mut clients) = (f64::MAX, 1);
            for tried in CLIENTS {
                let each = self.pay(&script, tried)?;
                if each < best {
                    (best, clients) = (each, tried);
                }
            }
            let plural = if clients == 1 { "" } else { "s" };
            let name = format!("{}, {clients} client{plural}", way.name);
            let row = Row::new(way.id, Whose::Baseline, name, way.work);
            Ok(Contender::new(row, move |_| self.pay(&script, clients)))
        };
        WAYS.iter().map(contender).collect()
    }

    fn script(&self, way: &Way) -> String {
        let Scale { senders, accounts, .. } = self.scale;
        let lowest = if way.shop { accounts } else { 1 };
        format!(
            "\\set payer random(1, {senders})\n\\set paid random({lowest}, {accounts})\n{}",
            way.script
        )
    }

    /// Seconds per payment.
    fn pay(&self, script: &Path, clients: usize) -> Result<f64> {
        settle()?;
        let output = run(self
            .as_client("pgbench")
            .args(["--no-vacuum", "--protocol=prepared", "--max-tries=100"])
            .args(["--client", &clients.to_string(), "--jobs", &clients.min(2).to_string()])
            .args(["--time", &self.scale.postgres_seconds.to_string(), "--file"])
            .arg(script))?;
        let failed = output.lines().find_map(|line| line.strip_prefix("number of failed "));
        ensure!(failed.is_none_or(|line| line.contains(": 0 ")), "payments failed: {output}");
        let tps = output.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split(' ').next()).context("pgbench says no tps")?;
        Ok(1.0 / tps.parse::<f64>()?)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn program(&self, name: &str) -> PathBuf {
        let path = self.bin.join(name);
        if path.exists() { path } else { name.into() }
    }

    /// A program as the user who runs the server, which must not be root.
    fn as_server(&self, name: &str) -> Command {
        let mut command = match is_root() {
            true => Command::new("runuser"),
            false => Command::new(self.program(name)),
        };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(self.program(name));
        }
        command.current_dir(self.dir.path());
        command
    }

    fn as_client(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        command.env("PGHOST", self.dir.path()).env("PGUSER", "bench").env("PGDATABASE", "postgres");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = ["stop", "-s", "-m", "immediate", "-D"];
        let _ = run(self.as_server("pg_ctl").args(stop).arg(self.data()));
    }
}

/// The folder of the server's programs: Debian keeps them off the path, a folder per version.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let has = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "pgbench"].iter().all(|program| folder.join(program).exists())
    };
    folders
        .into_iter()
        .rev()
        .find(has)
        .context("PostgreSQL (initdb, pg_ctl, pgbench) is not installed")
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// What a program prints, if it succeeds.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| name.clone())?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

const UPDATES: &[&str] = &[
    "two UPDATEs (the payer's checks its balance) and an INSERT in one transaction, durable;",
    "synchronous_commit on, prepared statements, pgbench over a Unix socket, the best of",
    "1, 8 and 32 clients; no signatures, no receipts, no roots, ids of 64 bits",
];
const PROCEDURE: &[&str] = &["the same as one stored procedure, called by one prepared statement"];
const SHOP: &[&str] = &["the same, and everybody pays the same account"];
