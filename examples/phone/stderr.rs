//! Standard error out of the way while a screen is shown: sound libraries write to it whatever one asks of them.

#[cfg(unix)]
pub(crate) use self::unix::Muted;

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::{self, IsTerminal as _};
    use std::os::fd::{AsFd as _, OwnedFd};

    use rustix::stdio::dup2_stderr;

    /// Standard error leads nowhere as long as this lives. It is left alone if it is no terminal.
    #[derive(Debug)]
    pub(crate) struct Muted {
        real: Option<OwnedFd>,
    }

    impl Muted {
        pub(crate) fn start() -> io::Result<Self> {
            if !io::stderr().is_terminal() {
                return Ok(Self { real: None });
            }
            let real = io::stderr().as_fd().try_clone_to_owned()?;
            dup2_stderr(File::options().write(true).open("/dev/null")?)?;
            let for_panic = real.try_clone()?;
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // The message must be read; if this fails there is no better place for it.
                let _ = dup2_stderr(&for_panic);
                hook(panic);
            }));
            Ok(Self { real: Some(real) })
        }
    }

    impl Drop for Muted {
        fn drop(&mut self) {
            if let Some(real) = &self.real {
                // It was there before; if it is gone by now nobody reads it.
                let _ = dup2_stderr(real);
            }
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Muted;

#[cfg(not(unix))]
impl Muted {
    /// There the sound libraries are quiet.
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self)
    }
}
