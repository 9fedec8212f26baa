//! Logs, and what developers print.

use super::{Exit, GuestMemory, Host, Part};
use crate::gas::{COPY_BYTE, HOST_CALL, LOG, LOG_BYTE, LOG_TOPIC};
use crate::types::{B256, Halt, Log};
use florin_abi::{Slice, limits};

impl Host {
    pub(crate) fn log(
        &mut self,
        memory: &mut impl GuestMemory,
        topics: Slice,
        data: Slice,
    ) -> Result<(), Exit> {
        let topics_price = LOG_TOPIC * u64::from(topics.length.div_ceil(32));
        let data_price = LOG_BYTE * u64::from(data.length);
        self.charge(Part::Logs, HOST_CALL + LOG + topics_price + data_price)?;
        self.deny_static("log")?;
        let topics = memory.read(topics, limits::TOPICS * 32, "log topics")?;
        if topics.len() % 32 != 0 {
            let message = format!("log topics of {} bytes; each is 32", topics.len());
            return Err(Exit::Halt(Halt::Misuse(message)));
        }
        let topics = topics.chunks_exact(32).map(B256::from_slice).collect();
        let data = memory.read(data, limits::LOG_BYTES, "log data")?.to_vec().into();
        let log = Log::new_unchecked(self.frame.address, topics, data);
        self.world().log(log);
        Ok(())
    }

    pub(crate) fn debug(
        &mut self,
        memory: &mut impl GuestMemory,
        message: Slice,
    ) -> Result<(), Exit> {
        self.charge(Part::Logs, HOST_CALL + COPY_BYTE * u64::from(message.length))?;
        let shown = Slice { length: message.length.min(limits::DEBUG_BYTES), ..message };
        let message = memory.read(shown, limits::DEBUG_BYTES, "debug message")?;
        let message = String::from_utf8_lossy(message).into_owned();
        self.world().print(message);
        Ok(())
    }
}
