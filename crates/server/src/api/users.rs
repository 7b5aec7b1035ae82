//! Users: people and service users.

use axum::extract::{Path, State};
use axum::http::{Method, Response, StatusCode};
use grantor_crypto::password::{Password, PasswordHash};
use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::application::Application;
use grantor_domain::document::{DocumentKey, Kind};
use grantor_domain::group::MemberRef;
use grantor_domain::params::Params;
use grantor_domain::user::{Person, StoredPassword, User};
use grantor_oauth_types::id::UserId;
use grantor_oauth_types::name::{ApplicationId, RealmName, TenantName, UserName};
use grantor_oauth_types::scope::ScopeToken;
use grantor_store::Documents as _;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::body::{JsonBody, Precondition};
use super::description::{Api, Operation};
use super::hanging::Hanging;
use super::resource::{Filter, Resource, by_id, no_content};
use super::schemas::PersonShape;
use super::write::{self, Consequences};
use super::{Problem, power};
use crate::access::{Caller, Permission as _, Permit, UserRead, UserWrite};
use crate::app::{App, new_id};
use crate::reply::json;
use crate::routes::Guard;

/// How many passwords work at once while one is rotated out.
const PASSWORDS: usize = 2;

/// What may be written of a user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserBody)]
pub(crate) struct Body {
    /// In which population; cannot be changed
    #[schema(value_type = String)]
    realm: RealmName,
    /// What it signs in with; unique in the realm whatever the letter case
    #[schema(value_type = String)]
    name: UserName,
    /// A disabled user gets nothing
    #[serde(default = "yes")]
    enabled: bool,
    /// The application whose service user this is
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    application: Option<ApplicationId>,
    /// For people
    #[serde(default)]
    display_name: Option<String>,
    /// Address for notices
    #[serde(default)]
    email: Option<String>,
    /// Whether that address was shown to be the user's
    #[serde(default)]
    email_verified: bool,
    /// What else is known of a person
    #[serde(default)]
    #[schema(value_type = PersonShape, required = false)]
    person: Person,
    /// The hash of the password, from the system that the user comes from: argon2, bcrypt, scrypt or
    /// PBKDF2, as PHC string, modular crypt or as Django writes it. It takes the place of every
    /// password that works; without it they stay. Never shown
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only)]
    password_hash: Option<NewHash>,
}

/// A hash that comes in. It does not go out: to whoever writes it, it is three dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewHash(PasswordHash);

impl<'de> Deserialize<'de> for NewHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for NewHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

fn yes() -> bool {
    true
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct View {
    /// Made by the server, never re-assigned
    id: String,
    #[serde(flatten)]
    body: Body,
    /// The passwords that work: during a rotation two
    passwords: Vec<PasswordView>,
}

/// A password, without itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Password)]
struct PasswordView {
    /// When it was set
    #[schema(value_type = String, format = DateTime)]
    created: jiff::Timestamp,
    /// Who set it
    created_by: String,
}

/// `/api/v1/users`
#[derive(Debug)]
pub(crate) enum Users {}

impl Resource for Users {
    type Entity = User;
    type Body = Body;
    type View = View;
    type Read = UserRead;
    type Write = UserWrite;

    const NAME: &'static str = "user";
    const PATH: &'static str = "users";
    const FILTERS: &'static [&'static str] = &["realm", "name"];

    fn filter(_: &TenantName, params: &mut Params) -> Result<Filter, Problem> {
        let realm = params.read("realm", |text| RealmName::parse_lenient(text).ok());
        let realm = realm.map_err(|_| Problem::field("realm", "is not valid here"))?;
        match (realm, params.take("name")) {
            (None, None) => Ok(Filter::All),
            (Some(realm), None) => Ok(Filter::Under(realm.to_string())),
            (Some(realm), Some(name)) => Ok(Filter::Named(User::login_key(&realm, &name))),
            (None, Some(_)) => Err(Problem::field("realm", "is needed to find a user by name")),
        }
    }

    fn at(tenant: &TenantName, id: &str) -> Option<DocumentKey> {
        by_id::<User, UserId>(tenant, id)
    }

    fn view(user: &User) -> View {
        let shown = |password: &StoredPassword| PasswordView {
            created: password.created,
            created_by: password.created_by.clone(),
        };
        View {
            id: user.id.to_string(),
            body: Body {
                realm: user.realm.clone(),
                name: user.name.clone(),
                enabled: user.enabled,
                application: user.application.clone(),
                display_name: user.display_name.clone(),
                email: user.email.clone(),
                email_verified: user.email_verified,
                person: user.person.clone(),
                password_hash: None,
            },
            passwords: user.passwords.iter().map(shown).collect(),
        }
    }

    fn create(_: &str, body: Body, caller: &Caller) -> Result<User, Problem> {
        let tenant = caller.context.tenant.tenant.name.clone();
        let passwords = imported(&[], &body, caller);
        Ok(written(tenant, new_id(caller.context.now), passwords, body))
    }

    fn replace(before: &User, body: Body, caller: &Caller) -> Result<User, Problem> {
        if body.realm != before.realm {
            return Err(Problem::field("/realm", "cannot be changed"));
        }
        let passwords = imported(&before.passwords, &body, caller);
        Ok(written(before.tenant.clone(), before.id, passwords, body))
    }

    async fn power(app: &App, user: &User) -> Result<Vec<ScopeToken>, Problem> {
        power::of_user(app, &user.tenant, user.id).await
    }

    /// SEC-131. A token of the STUPS profile knows the user by name: with the name it goes too. When
    /// no password that worked does any more, what was given for it ends; the first one of a user
    /// takes the place of none.
    async fn consequences(
        _: &App,
        caller: &Caller,
        before: &User,
        after: Option<&User>,
    ) -> Result<Consequences, Problem> {
        let mut then = Consequences::default();
        let known = |after: &User| {
            let kept = |old: &StoredPassword| after.passwords.contains(old);
            before.passwords.is_empty() || before.passwords.iter().any(kept)
        };
        let goes_on =
            after.is_some_and(|after| after.enabled && after.name == before.name && known(after));
        if !goes_on {
            then.end_user(&caller.context, before);
        }
        Ok(then)
    }

    async fn hanging(app: &App, user: &User) -> Result<Hanging, Problem> {
        if let Some(id) = &user.application {
            let key = DocumentKey::id::<Application>(&user.tenant, id.as_str());
            let found = app.store.find::<Application>(&key).await?;
            if found.is_some_and(|found| found.value.service_user == Some(user.id)) {
                let detail = format!("it is the service user of the application {id}");
                return Err(Problem::conflict(detail));
            }
        }
        left_by(app, user).await
    }
}

/// What a user leaves behind.
pub(super) async fn left_by(app: &App, user: &User) -> Result<Hanging, Problem> {
    let id = user.id.to_string();
    let groups = app.store.groups_of(&user.tenant, user.id).await?;
    Ok(Hanging {
        children: vec![(Kind::Consent, id.clone()), (Kind::Assignment, id)],
        memberships: Some((MemberRef::User(user.id), groups)),
        ..Hanging::default()
    })
}

/// The passwords of a user whose body may bring a hash along. The one that is there already is no
/// other one.
fn imported(before: &[StoredPassword], body: &Body, caller: &Caller) -> Vec<StoredPassword> {
    let Some(NewHash(hash)) = &body.password_hash else { return before.to_vec() };
    if before.iter().any(|stored| stored.hash == hash.as_str()) {
        return before.to_vec();
    }
    vec![StoredPassword {
        hash: hash.as_str().to_owned(),
        created: caller.context.now,
        created_by: caller.actor.clone(),
    }]
}

fn written(tenant: TenantName, id: UserId, passwords: Vec<StoredPassword>, body: Body) -> User {
    User {
        tenant,
        id,
        realm: body.realm,
        name: body.name,
        enabled: body.enabled,
        application: body.application,
        passwords,
        display_name: body.display_name,
        email: body.email,
        email_verified: body.email_verified,
        person: body.person,
    }
}

/// Adds the routes that only users have.
pub(super) fn more(mut api: Api) -> Api {
    let body = api.schema::<PasswordBody>();
    let answer = api.schema::<NewPassword>();
    api.add(
        Guard::Permit(UserWrite::SCOPE),
        &Method::POST,
        "/users/{id}/password",
        set_password,
        Operation::new("users", "set_password", "Set or make a password")
            .takes(body)
            .answers(200, answer),
    )
}

/// A password to set.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    /// The password; without it the server makes one
    #[serde(default)]
    password: Option<String>,
    /// Whether the one before goes on working, until the next is set: to rotate without a gap.
    /// Otherwise everything that was given in the name of the user ends
    #[serde(default)]
    keep_previous: bool,
}

/// The password that the server made: shown this once.
#[derive(Serialize, ToSchema)]
struct NewPassword {
    password: String,
}

async fn set_password(
    State(app): State<App>,
    permit: Permit<UserWrite>,
    Path(id): Path<String>,
    body: JsonBody,
) -> Result<Response<axum::body::Body>, Problem> {
    let caller = &permit.caller;
    let PasswordBody { password, keep_previous } = body.read()?;
    let key = Users::at(&caller.context.tenant.tenant.name, &id).ok_or_else(Problem::not_found)?;
    let made = password.is_none().then(|| BearerSecret::mint(SecretKind::ServicePassword).reveal());
    let text = password.or_else(|| made.clone()).expect("sent or made");
    let stored = StoredPassword {
        hash: hash(&app, &text).await?,
        created: caller.context.now,
        created_by: caller.actor.clone(),
    };
    let set = |before: &User| {
        let mut after = before.clone();
        after.passwords.truncate(if keep_previous { PASSWORDS - 1 } else { 0 });
        after.passwords.insert(0, stored.clone());
        Ok(after)
    };
    let change = write::Change {
        key: &key,
        expected: &Precondition::Any,
        kind: "user.password_set",
        more: &|_, _| {},
    };
    write::change::<Users>(&app, caller, change, set).await?;
    Ok(match made {
        Some(password) => json::private(StatusCode::OK, &NewPassword { password }),
        None => no_content(),
    })
}

/// The hash to store; made where hashing does not hold up anybody (SEC-118).
pub(super) async fn hash(app: &App, text: &str) -> Result<String, Problem> {
    let password = Password::new(text).map_err(|e| Problem::field("/password", e.to_string()))?;
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is busy, try again");
    let hash = app.passwords.hash(password).map_err(|_| busy())?.await.map_err(|_| busy())?;
    Ok(hash.as_str().to_owned())
}
