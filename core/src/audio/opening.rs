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
    Open(Open<End>),
}

struct Open<End> {
    /// Dropping it closes the device.
    device: OpenDevice,
    reports: mpsc::Receiver<DeviceReport<End>>,
    /// There is none while the device is being opened or rebuilt.
    end: Option<End>,
    /// Sound has come from or gone to this direction since it was opened: an opening now is a change of devices.
    opened_before: bool,
    /// The choice before, for as long as the new device has not opened.
    fallback: Option<DeviceChoice>,
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
    /// The device that was chosen in its place cannot be opened: the one before is used again.
    Refused(DeviceError),
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
            (State::Closed, true) => self.state = State::Open(start(&self.choice, open)),
            (State::Open(_), false) => self.close(),
            (State::Closed, false) | (State::Open(_), true) => {}
        }
    }

    pub(super) fn close(&mut self) {
        self.state = State::Closed;
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
        let before = std::mem::replace(&mut self.choice, choice);
        let State::Open(old) = std::mem::replace(&mut self.state, State::Closed) else { return };
        let Open { device, reports: _, end, opened_before, fallback } = old;
        // What has one user only is free before it is opened again.
        drop(end);
        drop(device);
        let fallback = if opened_before { Some(before) } else { fallback };
        self.state = State::Open(Open { opened_before, fallback, ..start(&self.choice, open) });
    }

    /// The next report of the device, if there is one. `open` is for going back to the device before.
    pub(super) fn poll(
        &mut self,
        open: impl FnOnce(&DeviceChoice, Reports<End>) -> OpenDevice,
    ) -> Option<DeviceNews> {
        let State::Open(current) = &mut self.state else { return None };
        match current.reports.try_recv().ok()? {
            DeviceReport::Opened { end, name } => {
                current.end = Some(end);
                current.fallback = None;
                let first = !std::mem::replace(&mut current.opened_before, true);
                Some(DeviceNews::Opened { name, first })
            }
            DeviceReport::Lost => {
                current.end = None;
                Some(DeviceNews::Lost)
            }
            DeviceReport::Failed(error) => {
                current.end = None;
                let Some(before) = current.fallback.take() else { return Some(DeviceNews::Failed(error)) };
                self.choice = before;
                self.state = State::Open(Open { opened_before: true, ..start(&self.choice, open) });
                Some(DeviceNews::Refused(error))
            }
        }
    }

    /// The end, while the device works.
    pub(super) fn end(&mut self) -> Option<&mut End> {
        match &mut self.state {
            State::Open(open) => open.end.as_mut(),
            State::Closed => None,
        }
    }

    /// Gives up an end that broke.
    pub(super) fn give_up(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.end = None;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }
}

fn start<End>(
    choice: &DeviceChoice,
    open: impl FnOnce(&DeviceChoice, Reports<End>) -> OpenDevice,
) -> Open<End> {
    let (reports, rx) = Reports::channel();
    Open { device: open(choice, reports), reports: rx, end: None, opened_before: false, fallback: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::device::AudioDeviceId;

    fn open_with(
        report: DeviceReport<u8>,
        log: &mut Vec<DeviceChoice>,
    ) -> impl FnOnce(&DeviceChoice, Reports<u8>) -> OpenDevice {
        move |choice, reports| {
            log.push(choice.clone());
            reports.try_report(report);
            OpenDevice::without_guard()
        }
    }

    fn opened(end: u8) -> DeviceReport<u8> {
        DeviceReport::Opened { end, name: end.to_string() }
    }

    #[test]
    fn a_choice_that_cannot_be_opened_gives_way_to_the_one_before() {
        let mut log = Vec::new();
        let never = |_: &DeviceChoice, _: Reports<u8>| -> OpenDevice { panic!("nothing is to be opened") };
        let mut opening = Opening::new();
        opening.set_open(true, open_with(opened(1), &mut log));
        assert_eq!(opening.poll(never), Some(DeviceNews::Opened { name: "1".into(), first: true }));
        let other = DeviceChoice::Id(AudioDeviceId("other".into()));
        opening.choose(other.clone(), open_with(DeviceReport::Failed(DeviceError::InUse), &mut log));
        let refused = opening.poll(open_with(opened(2), &mut log));
        assert_eq!(refused, Some(DeviceNews::Refused(DeviceError::InUse)));
        assert_eq!(opening.poll(never), Some(DeviceNews::Opened { name: "2".into(), first: false }));
        assert_eq!(opening.end(), Some(&mut 2));
        assert_eq!(log, [DeviceChoice::Default, other, DeviceChoice::Default]);
    }

    #[test]
    fn a_lost_end_is_not_used_until_a_new_one_comes() {
        let mut opening = Opening::new();
        let mut kept = None;
        opening.set_open(true, |_, reports: Reports<u8>| {
            kept = Some(reports);
            OpenDevice::without_guard()
        });
        let never = |_: &DeviceChoice, _: Reports<u8>| -> OpenDevice { panic!("nothing is to be opened") };
        let reports = kept.unwrap();
        reports.try_report(opened(1));
        reports.try_report(DeviceReport::Lost);
        opening.poll(never);
        assert_eq!(opening.poll(never), Some(DeviceNews::Lost));
        assert_eq!(opening.end(), None);
        reports.try_report(opened(2));
        assert_eq!(opening.poll(never), Some(DeviceNews::Opened { name: "2".into(), first: false }));
    }
}
