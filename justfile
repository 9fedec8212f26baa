# Recipes for those who work on Florin. `just` alone lists them.

# The same packages and features everywhere: cargo would build wasmtime once for every other choice.
all := "--workspace"

_list:
    @just --list

# Every test.
test *arguments:
    cargo test {{all}} {{arguments}}

# The tests of the contracts in their other forms: compiled for this machine, as debuggers and coverage have them, and
# built for development.
forms *arguments:
    FLORIN_NATIVE=1 cargo test {{all}} --test token --test escrow --test splitter {{arguments}}
    FLORIN_DEVELOPMENT=1 cargo test {{all}} --test token {{arguments}}

# The node with unmodified clients, with the examples of execution-apis (if EXECUTION_APIS names a copy), and with what nobody
# should send it. Needs Node.js and Python.
clients:
    cargo build --workspace --bins
    target/debug/florin --quiet build contracts/token >/dev/null
    target/debug/florin --quiet build tests/guests/account >/dev/null
    tests/clients/run
    tests/conformance/run

# What a reviewer should not have to say.
lint:
    cargo fmt --all --check
    cargo clippy {{all}} --all-targets -- -D warnings

# The documentation of the code; a broken link is an error.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc {{all}} --no-deps

# Licences, sources and known advisories of the dependencies.
deny:
    cargo deny check

# All that CI does.
ci:
    .ci/run

# What a transfer costs, beside bare signatures, disk, hash map, wasmtime, revm, PostgreSQL and anvil in one run; the table is
# also written to target/bench as JSON and as a chart. `--quick` is a smoke run; words choose groups. See docs/PERFORMANCE.md.
bench *arguments:
    cargo bench {{all}} --bench transfers -- {{arguments}}

# What each priced operation takes, to compare with its price in docs/GAS.md.
gas:
    cargo bench {{all}} --bench gas

# Instructions of each phase of a payment, beside those recorded; a rise of 5 % fails. Needs valgrind. The dependencies are
# those of the tests.
instructions:
    cargo bench {{all}} --bench instructions --profile dev --config profile.dev.opt-level=2

# The full proof of durability: the process is killed 1,000 times under load. CI does a shorter run of the same tests.
kill rounds="1000":
    FLORIN_KILL_ROUNDS={{rounds}} cargo test {{all}} --test store_durability --test ledger killed -- --nocapture

# How long a ledger of so many accounts takes to open after its process was killed, its memory and its disk; and that the disk
# levels off when the same accounts change again and again.
growth accounts="1000000":
    FLORIN_GROWTH_ACCOUNTS={{accounts}} cargo test {{all}} --release --test store_durability -- --ignored --nocapture \
        --test-threads=1 growth

# What a power failure may leave, and damage, in more cases than CI tries: more images of each point that has many, every
# byte of a ledger of more blocks, more places in the files of a larger one. Ten minutes or so.
faults images="40" blocks="12" places="300":
    FLORIN_CRASH_IMAGES={{images}} FLORIN_ROT_BLOCKS={{blocks}} FLORIN_DAMAGE_CASES={{places}} \
        cargo test {{all}} --test store_durability -- --nocapture crash_images io_errors bit_rot damage

# Writes anew what tests compare with: documents made from the code, recorded figures and messages.
bless:
    UPDATE_DOCS=1 TRYBUILD=overwrite cargo test {{all}}
