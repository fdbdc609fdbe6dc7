//! One direction's device as the engine sees it: closed, being opened, open.

use std::sync::mpsc;

use crate::audio::device::{DeviceChoice, DeviceError, DeviceReport, OpenDevice, Reports};

/// One direction: which device, and what has become of it.
pub(super) struct Opening<End> {
    choice: DeviceChoice,
    state: State<End>,
}

enum State<End> {
    Closed,
    Open {
        /// Dropping it closes the device.
        _device: OpenDevice,
        reports: mpsc::Receiver<DeviceReport<End>>,
        /// There is none while the device is being opened or rebuilt.
        end: Option<End>,
        /// It has been open before: an opening now is a change of devices.
        opened_before: bool,
    },
}

/// What the engine learns about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeviceNews {
    /// It is open.
    Opened {
        /// The device, for people to read.
        name: String,
        /// For the first time since the engine asked for it.
        first: bool,
    },
    /// It stopped; the devices are at work.
    Lost,
    /// It cannot be opened.
    Failed(DeviceError),
}

impl<End> Opening<End> {
    pub(super) fn new() -> Self {
        Self { choice: DeviceChoice::Default, state: State::Closed }
    }

    /// Opens or closes; `open` starts the opening.
    pub(super) fn set_open(
        &mut self,
        wanted: bool,
        open: impl FnOnce(&DeviceChoice, Reports<End>) -> OpenDevice,
    ) {
        match (&self.state, wanted) {
            (State::Closed, true) => {
                let (reports, rx) = Reports::channel();
                let device = open(&self.choice, reports);
                self.state = State::Open { _device: device, reports: rx, end: None, opened_before: false };
            }
            (State::Open { .. }, false) => self.state = State::Closed,
            (State::Closed, false) | (State::Open { .. }, true) => {}
        }
    }

    /// Takes another choice; an open device is replaced.
    pub(super) fn choose(
        &mut self,
        choice: DeviceChoice,
        open: impl FnOnce(&DeviceChoice, Reports<End>) -> OpenDevice,
    ) {
        if choice == self.choice {
            return;
        }
        self.choice = choice;
        if let State::Open { opened_before, .. } = self.state {
            self.state = State::Closed;
            self.set_open(true, open);
            if let State::Open { opened_before: again, .. } = &mut self.state {
                *again = opened_before;
            }
        }
    }

    /// The next report of the device, if there is one.
    pub(super) fn poll(&mut self) -> Option<DeviceNews> {
        let State::Open { reports, end, opened_before, .. } = &mut self.state else { return None };
        match reports.try_recv().ok()? {
            DeviceReport::Opened { end: new, name } => {
                *end = Some(new);
                let first = !std::mem::replace(opened_before, true);
                Some(DeviceNews::Opened { name, first })
            }
            DeviceReport::Lost => {
                *end = None;
                Some(DeviceNews::Lost)
            }
            DeviceReport::Failed(error) => {
                *end = None;
                Some(DeviceNews::Failed(error))
            }
        }
    }

    /// The end, while the device works.
    pub(super) fn end(&mut self) -> Option<&mut End> {
        match &mut self.state {
            State::Open { end, .. } => end.as_mut(),
            State::Closed => None,
        }
    }

    /// Gives up an end that broke.
    pub(super) fn give_up(&mut self) {
        if let State::Open { end, .. } = &mut self.state {
            *end = None;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }
}
