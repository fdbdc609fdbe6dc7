use super::*;

#[test]
fn every_setting_has_the_environment_variable_of_its_name() {
    for arg in Settings::command().get_arguments() {
        let Some(long) = arg.get_long().filter(|long| !matches!(*long, "check" | "help" | "version")) else {
            continue;
        };
        let wanted = format!("RINGBACK_{}", long.replace('-', "_").to_uppercase());
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(wanted.as_str()), "{long}");
    }
}

#[test]
fn every_setting_has_a_help_text_and_a_group() {
    for arg in Settings::command().get_arguments() {
        assert!(arg.get_help().is_some(), "{}", arg.get_id());
        assert!(arg.get_help_heading().is_some(), "{}", arg.get_id());
    }
}

#[test]
fn the_definition_of_the_flags_is_sound() {
    Settings::command().debug_assert();
}

#[test]
fn demo_is_the_default_on_loopback_only() {
    let settings = |flags: &[&str]| Settings::try_parse_from([&["ringback-server"], flags].concat()).unwrap();
    assert!(settings(&[]).is_demo());
    assert!(!settings(&["--listen", "0.0.0.0:0"]).is_demo());
    assert!(settings(&["--listen", "0.0.0.0:0", "--demo"]).is_demo());
    assert!(!settings(&["--demo=false"]).is_demo());
}

#[test]
fn a_demo_has_no_test_hooks_unless_asked() {
    let hooks = |flags: &[&str]| {
        let settings = Settings::try_parse_from([&["ringback-server"], flags].concat()).unwrap();
        settings.stack().test_hooks
    };
    assert!(!hooks(&["--demo"]));
    assert!(hooks(&["--test-hooks"]));
}

#[test]
fn the_limits_of_the_free_plan_can_be_switched_on() {
    let limits = |flags: &[&str]| {
        let settings = Settings::try_parse_from([&["ringback-server"], flags].concat()).unwrap();
        settings.stack().hub.limits
    };
    assert_eq!(limits(&[]), Limits::default());
    assert_eq!(limits(&["--limits", "free"]), Limits::free_plan());
}
