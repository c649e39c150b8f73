//! The handle of a running emulator: its address, its users, and how to stop it.

use std::fmt::Write as _;

use actix_web::dev::ServerHandle;
use tokio::sync::watch;

use crate::control::Control;

/// A user, for a printed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoUser {
    /// First and last name, or the email address.
    pub name: String,
    /// The email address.
    pub email: String,
    /// The password, or an empty string.
    pub password: String,
    /// What happens when this user signs in.
    pub description: String,
}

/// An invitation that has not been accepted yet, for a printed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoInvitation {
    /// The email address of the invited person.
    pub email: String,
    /// The value of `invitation_token`.
    pub token: String,
    /// The organisation's name.
    pub organization: String,
}

/// A running emulator. Dropping it stops the emulator.
pub struct EmulatorHandle {
    control: Control,
    server: ServerHandle,
    finished: watch::Receiver<bool>,
}

impl EmulatorHandle {
    pub(crate) fn new(
        control: Control,
        server: ServerHandle,
        finished: watch::Receiver<bool>,
    ) -> Self {
        Self {
            control,
            server,
            finished,
        }
    }

    /// The URL of the emulator without a trailing slash: `http://127.0.0.1:4100`.
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

    /// Controls this emulator.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The users who can sign in.
    #[must_use]
    pub fn users(&self) -> Vec<DemoUser> {
        let store = self.control.shared.store();
        let users = store.directory.users.iter();
        users
            .map(|user| DemoUser {
                name: user.name(),
                email: user.email.clone(),
                password: user.password.clone().unwrap_or_default(),
                description: store.directory.describe_sign_in(user),
            })
            .collect()
    }

    /// The invitations that have not been accepted yet.
    #[must_use]
    pub fn invitations(&self) -> Vec<DemoInvitation> {
        let store = self.control.shared.store();
        let invitations = store.directory.open_invitations();
        invitations
            .map(|invitation| DemoInvitation {
                email: invitation.email.clone(),
                token: invitation.token.clone(),
                organization: store
                    .directory
                    .organization(&invitation.organization_id)
                    .map(|organization| organization.name.clone())
                    .unwrap_or_default(),
            })
            .collect()
    }

    /// The text to print after the start: the address, the users, and the settings for an
    /// application.
    #[must_use]
    pub fn startup_message(&self) -> String {
        let base_url = self.base_url();
        let users = self.users();
        let width = |field: fn(&DemoUser) -> &str| {
            let lengths = users.iter().map(|user| field(user).chars().count());
            lengths.max().unwrap_or_default()
        };
        let (email, password) = (width(|user| &user.email), width(|user| &user.password));
        let mut text = format!("AuthKit emulator on {base_url}\n\nUsers who can sign in:\n");
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
            "\nAll data is kept in memory. A restart of the emulator resets it.\n\n\
             Settings for an application:\n\
             WORKOS_API_BASE_URL={base_url}\nWORKOS_API_KEY={}\nWORKOS_CLIENT_ID={}\n",
            self.api_key(),
            self.client_id(),
        );
        text
    }

    /// Waits until the server has stopped.
    pub fn finished(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut finished = self.finished.clone();
        async move {
            // An error means that the server's thread is gone, which is a stop too.
            let _stopped = finished.wait_for(|finished| *finished).await;
        }
    }

    /// Stops the server. A `graceful` stop waits for requests in progress, and sends responses that
    /// a fault holds back.
    pub fn stop(&self, graceful: bool) -> impl Future<Output = ()> + Send + 'static {
        self.control.shared.stopping.send_replace(true);
        let (stopped, finished) = (self.server.stop(graceful), self.finished());
        async move {
            stopped.await;
            finished.await;
        }
    }
}

impl Drop for EmulatorHandle {
    fn drop(&mut self) {
        self.control.shared.stopping.send_replace(true);
        // The server receives the command at once. Dropping the future only means not waiting.
        drop(self.server.stop(false));
    }
}
