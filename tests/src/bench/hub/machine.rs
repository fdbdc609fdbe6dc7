//! What the machine gives: cores and open files. Linux only; elsewhere nothing is pinned.

use std::process::{Child, Command};

use crate::bench::BoxError;

/// Which core the server runs on, and which the load.
#[derive(Debug)]
pub struct Cores {
    #[cfg(target_os = "linux")]
    server: nix::sched::CpuSet,
    #[cfg(target_os = "linux")]
    load: nix::sched::CpuSet,
}

#[cfg(target_os = "linux")]
mod linux {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::unistd::Pid;

    use super::{BoxError, Child, Command, Cores};

    /// The calling thread, and what it starts from now on.
    const OWN: Pid = Pid::from_raw(0);

    impl Cores {
        /// Divides the cores of this process: the first for the server, the others for the load. Call it on the main
        /// thread before a runtime starts, whose threads are to run where the load does.
        ///
        /// # Errors
        /// There is one core only, or the system refuses.
        pub fn divide() -> Result<Self, BoxError> {
            let all = sched_getaffinity(OWN)?;
            let (mut server, mut load, mut count) = (CpuSet::new(), CpuSet::new(), 0);
            for core in 0..CpuSet::count() {
                if all.is_set(core)? {
                    if count == 0 { &mut server } else { &mut load }.set(core)?;
                    count += 1;
                }
            }
            if count < 2 {
                return Err("the server and the load need a core each, and there is one only".into());
            }
            sched_setaffinity(OWN, &load)?;
            Ok(Self { server, load })
        }

        /// Starts a process on the server's core.
        pub(in crate::bench::hub) fn spawn_server(&self, command: &mut Command) -> Result<Child, BoxError> {
            // A child starts where the thread that starts it runs.
            sched_setaffinity(OWN, &self.server)?;
            let child = command.spawn();
            sched_setaffinity(OWN, &self.load)?;
            Ok(child?)
        }
    }

    /// Raises the limit of open files to what `sockets` need, here and in what is started.
    pub(in crate::bench::hub) fn raise_file_limit(sockets: usize) -> Result<(), BoxError> {
        let wanted = u64::try_from(sockets)? + super::OTHER_FILES;
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if hard < wanted {
            return Err(format!(
                "{sockets} sockets need {wanted} open files, and the hard limit here is {hard}: raise it (ulimit -Hn, as \
                 root) or measure fewer sockets"
            )
            .into());
        }
        if soft < wanted {
            setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
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
