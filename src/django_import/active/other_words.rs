//! Words of columns that are about something else than the account: a setting, a device, an address.

/// Words of columns that are about something else than the account, wherever they are.
pub(super) const OTHERS: [&str; 40] = [
    "2fa",
    "attempts",
    "biometric",
    "biometrics",
    "browser",
    "cookie",
    "cookies",
    "count",
    "counter",
    "device",
    "email",
    "emails",
    "factor",
    "hash",
    "link",
    "mail",
    "mails",
    "marketing",
    "mfa",
    "mode",
    "newsletter",
    "newsletters",
    "notification",
    "notifications",
    "notify",
    "otp",
    "password",
    "phone",
    "push",
    "secret",
    "sms",
    "sound",
    "sounds",
    "tfa",
    "theme",
    "token",
    "totp",
    "url",
    "version",
    "whatsapp",
];
/// Those of them whose values are often called like those of accounts, such as `disabled`.
pub(super) const SETTINGS: [&str; 17] = [
    "cookie",
    "cookies",
    "email",
    "emails",
    "mail",
    "mails",
    "marketing",
    "newsletter",
    "newsletters",
    "notification",
    "notifications",
    "notify",
    "push",
    "sms",
    "sound",
    "sounds",
    "whatsapp",
];
/// The beginnings of words that say of a person, and not of a setting, that the account is closed.
pub(super) const OF_PERSONS: [&str; 12] = [
    "ban",
    "blacklist",
    "deactiv",
    "deceas",
    "delet",
    "dismiss",
    "expel",
    "fired",
    "offboard",
    "suspen",
    "suspend",
    "terminat",
];
/// What a column is that has one of these words after an action, such as `activation_key`.
pub(super) const OF_ACTIONS: [&str; 3] = ["code", "key", "pin"];
/// Names of columns with words that may be the state of a country.
pub(super) const STATES: [&str; 2] = ["estado", "state"];
/// Words of columns beside the state of an address.
pub(super) const OF_ADDRESSES: [&str; 17] = [
    "address", "address1", "bairro", "cep", "cidade", "city", "ciudad", "country", "county",
    "postal", "postcode", "province", "street", "suburb", "town", "zip", "zipcode",
];
/// The states of the USA as addresses have them.
pub(super) const US_STATES: &str = "AL AK AZ AR CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT \
     NC ND NE NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UT VA VT WA WI WV WY";
/// What such a column may be about besides the account.
pub(super) const OTHER_WORDS: [&str; 26] = [
    "address",
    "billing",
    "birth",
    "call",
    "civil",
    "custom",
    "delivery",
    "emoji",
    "employment",
    "family",
    "health",
    "home",
    "job",
    "mailing",
    "marital",
    "marriage",
    "message",
    "online",
    "order",
    "payment",
    "presence",
    "relationship",
    "residence",
    "shipping",
    "tax",
    "work",
];
/// Parts of words of columns with secrets.
pub(super) const SECRETS: [&str; 9] = [
    "code", "hash", "key", "otp", "pass", "pin", "pwd", "secret", "token",
];
/// Values that say nothing of an account: the left hand, the end of a day.
pub(super) const NO_STATUS: [&str; 10] = [
    "end", "ex", "exit", "kick", "leave", "left", "lock", "on", "stop", "void",
];

/// Words of what a user pays for, whose end is not that of the account.
pub(super) const PAID: [&str; 22] = [
    "billing",
    "boost",
    "card",
    "certificate",
    "coupon",
    "credit",
    "credits",
    "discount",
    "insurance",
    "invoice",
    "license",
    "licence",
    "passport",
    "plan",
    "premium",
    "pro",
    "promo",
    "subscribed",
    "subscription",
    "trial",
    "vip",
    "visa",
];
