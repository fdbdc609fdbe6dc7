//! What the machine gives: cores and open files. Linux only; elsewhere nothing is pinned.

use std::process::{Child, Command};

use crate::bench::BoxError;

/// Which core the server runs on, and which the load.
#[derive(Debug)]
pub struct Cores {
    #[cfg(target_os = "linux")]
    server: rustix::thread::CpuSet,
    #[cfg(target_os = "linux")]
    load: rustix::thread::CpuSet,
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::{BoxError, Child, Command, Cores};

    impl Cores {
        /// Divides the cores of this process: the first for the server, the others for the load. Call it on the main
        /// thread before a runtime starts, whose threads are to run where the load does.
        ///
        /// # Errors
        /// There is one core only, or the system refuses.
        pub fn divide() -> Result<Self, BoxError> {
            // `None` is the calling thread, and what it starts from now on.
            let all = sched_getaffinity(None)?;
            let (mut server, mut load) = (CpuSet::new(), CpuSet::new());
            for core in (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)) {
                if server.count() == 0 { &mut server } else { &mut load }.set(core);
            }
            if load.count() == 0 {
                return Err("the server and the load need a core each, and there is one only".into());
            }
            sched_setaffinity(None, &load)?;
            Ok(Self { server, load })
        }

        /// Starts a process on the server's core.
        pub(in crate::bench::hub) fn spawn_server(&self, command: &mut Command) -> Result<Child, BoxError> {
            // A child starts where the thread that starts it runs.
            sched_setaffinity(None, &self.server)?;
            let child = command.spawn();
            sched_setaffinity(None, &self.load)?;
            Ok(child?)
        }
    }

    /// Raises the limit of open files to what `sockets` need, here and in what is started.
    pub(in crate::bench::hub) fn raise_file_limit(sockets: usize) -> Result<(), BoxError> {
        let wanted = u64::try_from(sockets)? + super::OTHER_FILES;
        // `None` is no limit.
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if let Some(hard) = maximum.filter(|hard| *hard < wanted) {
            return Err(format!(
                "{sockets} sockets need {wanted} open files, and the hard limit here is {hard}: raise it (ulimit -Hn, as \
                 root) or measure fewer sockets"
            )
            .into());
        }
        if current.is_some_and(|soft| soft < wanted) {
            setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::raise_file_limit;

#[cfg(not(target_os = "linux"))]
impl Cores {
    /// Elsewhere nothing is pinned.
    ///
    /// # Errors
    /// Never.
    pub fn divide() -> Result<Self, BoxError> {
        Ok(Self {})
    }

    pub(super) fn spawn_server(&self, command: &mut Command) -> Result<Child, BoxError> {
        Ok(command.spawn()?)
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn raise_file_limit(_sockets: usize) -> Result<(), BoxError> {
    Ok(())
}

/// Listeners, pipes, libraries, and the runtime's own.
#[cfg(target_os = "linux")]
const OTHER_FILES: u64 = 200;
