//! A started emulator: where it is, who can sign in, and its end.

use std::fmt::Write as _;

use actix_web::dev::ServerHandle;
use tokio::sync::watch;

use crate::control::Control;
use crate::model::User;

/// A user as the demo prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoUser {
    /// First and last name, or the e-mail.
    pub name: String,
    /// The e-mail.
    pub email: String,
    /// The password, empty where there is none.
    pub password: String,
    /// What signing in as this user shows.
    pub description: String,
}

/// An invitation as the demo prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoInvitation {
    /// Whom it is for.
    pub email: String,
    /// What `invitation_token` carries.
    pub token: String,
    /// The organisation's name.
    pub organization: String,
}

/// An emulator that runs; dropping it stops it.
pub struct EmulatorHandle {
    control: Control,
    handle: ServerHandle,
    ended: watch::Receiver<bool>,
}

impl EmulatorHandle {
    pub(crate) fn new(
        control: Control,
        handle: ServerHandle,
        ended: watch::Receiver<bool>,
    ) -> Self {
        Self {
            control,
            handle,
            ended,
        }
    }

    /// The address as a URL without a trailing slash: `http://127.0.0.1:4100`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.control.shared.base_url.clone()
    }

    /// The API key.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.control.shared.api_key
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.control.shared.client_id
    }

    /// A handle to steer it with.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Who can sign in, for a table.
    #[must_use]
    pub fn users(&self) -> Vec<DemoUser> {
        let state = self.control.shared.state();
        let user = |user: &User| DemoUser {
            name: user.name(),
            email: user.email.clone(),
            password: user.password.clone().unwrap_or_default(),
            description: state.directory.describe(user),
        };
        state.directory.users.iter().map(user).collect()
    }

    /// The invitations that nobody has accepted yet.
    #[must_use]
    pub fn invitations(&self) -> Vec<DemoInvitation> {
        self.control.shared.state().directory.open_invitations()
    }

    /// What to print once it runs: where it is, who can sign in, how to point an application at it.
    #[must_use]
    pub fn startup_message(&self) -> String {
        let base_url = self.base_url();
        let mut text = format!("AuthKit emulator on {base_url}\n\nWho can sign in:\n");
        let users = self.users();
        let width = |field: fn(&DemoUser) -> &str| {
            users
                .iter()
                .map(|user| field(user).chars().count())
                .max()
                .unwrap_or_default()
        };
        let (email, password) = (width(|user| &user.email), width(|user| &user.password));
        for user in &users {
            // Writing to a string cannot fail.
            let _ok = writeln!(
                text,
                "  {:email$}  {:password$}  {}",
                user.email, user.password, user.description
            );
        }
        let _ok = write!(
            text,
            "\nTo point an application at it:\n\
             WORKOS_API_BASE_URL={base_url}\nWORKOS_API_KEY={}\nWORKOS_CLIENT_ID={}\n",
            self.api_key(),
            self.client_id(),
        );
        text
    }

    /// Waits until the server has ended, by [`EmulatorHandle::stop`] or by itself.
    pub fn finished(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            // An error means that the thread is gone, which is the end as well.
            let _ended = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Stops the server; `graceful` lets requests in flight finish, answers held back by a fault
    /// excepted.
    pub fn stop(&self, graceful: bool) -> impl Future<Output = ()> + Send + 'static {
        self.control.shared.stopping.send_replace(true);
        let (stopped, ended) = (self.handle.stop(graceful), self.finished());
        async move {
            stopped.await;
            ended.await;
        }
    }
}

impl Drop for EmulatorHandle {
    fn drop(&mut self) {
        self.control.shared.stopping.send_replace(true);
        // The order is given at once; nobody waits for the answer.
        drop(self.handle.stop(false));
    }
}
