//! Who there is in the demo, and what they may do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use grantor_crypto::password::{Hasher, Password};
use grantor_crypto::secret::{BearerSecret, SecretKind};
use grantor_domain::application::Application;
use grantor_domain::assignment::{Assignment, Principal};
use grantor_domain::client::{Client, Compat, StoredSecret, TokenProfile};
use grantor_domain::document::DocumentKey;
use grantor_domain::realm::Realm;
use grantor_domain::resource_type::ResourceType;
use grantor_domain::scope::{GrantRule, Scope};
use grantor_domain::tenant::Tenant;
use grantor_domain::user::{Person, StoredPassword, User};
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::{Id, IdKind, UserId};
use grantor_oauth_types::name::{
    ApplicationId, ClientId, RealmName, ResourceTypeId, TenantName, UserName,
};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use grantor_server::access;
use grantor_server::app::new_id;
use grantor_server::clock::{Clock as _, SystemClock};
use grantor_server::secrets::Secrets;
use grantor_server::seed;
use grantor_store::{Documents as _, Effects, Expect, Store, operations};
use jiff::Timestamp;

use super::orders::{Order, OrderBook};
use crate::config::{Config, Flags};
use crate::node;

/// A program or person with a name and a secret.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) secret: String,
}

/// What answers where.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) issuer: String,
    pub(super) orders: String,
    pub(super) wishlist: String,
    pub(super) shop: String,
}

/// The cast.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) issuer: String,
    /// The shop that people sign in to in their browser
    pub(crate) shoe_shop: Account,
    /// The shop's client: acts for customers
    pub(crate) shop: Account,
    /// The client of the order analytics
    pub(crate) analytics: Account,
    /// The service user of the order analytics
    pub(crate) analytics_user: Account,
    /// Two customers
    pub(crate) alice: Account,
    pub(crate) bob: Account,
    /// May do everything in the management API
    pub(crate) admin: Account,
    alice_id: UserId,
    bob_id: UserId,
}

impl World {
    /// Writes the cast into a new embedded database in `folder`.
    pub(super) async fn make(folder: &Path, places: &Places) -> anyhow::Result<Self> {
        let issuer = places.issuer.as_str();
        let database = format!("sqlite:{}", folder.join("demo.db").display());
        let flags =
            Flags { issuer: Some(issuer.to_owned()), database: Some(database), ..Flags::default() };
        let config = Config::read(None, std::iter::empty(), flags)?;
        let store = node::open_store(&config.database).await?;
        let now = SystemClock.now();
        let tenant = &config.settings.default_tenant;
        seed::first_start(&*store, tenant, issuer, &config.hosts, now).await?;
        let secrets = Secrets::open(node::open_keyring(&config)?, &*store, tenant, now).await?;
        let maker = Maker { tenant: tenant.clone(), secrets, now, places: places.clone() };
        let world = maker.cast(&*store).await;
        // Closes the file: from here on it belongs to the server.
        drop(store);
        world
    }

    /// Orders of both customers.
    pub(super) fn order_book(&self) -> OrderBook {
        let order = |number, owner: UserId, item: &str| Order {
            number,
            owner: owner.to_string(),
            item: item.to_owned(),
        };
        OrderBook::new(vec![
            order(1, self.alice_id, "walking shoes"),
            order(2, self.alice_id, "shoelaces"),
            order(3, self.bob_id, "rubber boots"),
        ])
    }
}

/// Makes entities with the defaults of the demo.
struct Maker {
    tenant: TenantName,
    secrets: Secrets,
    now: Timestamp,
    places: Places,
}

impl Maker {
    async fn cast(&self, store: &dyn Store) -> anyhow::Result<World> {
        let analytics = ApplicationId::parse("order-analytics")?;
        let (alice, mut alice_user) = self.user("customers", "alice", None)?;
        let (bob, mut bob_user) = self.user("customers", "bob", None)?;
        called(&mut alice_user, "Alice", "Alder");
        called(&mut bob_user, "Bob", "Birch");
        let (service, service_user) =
            self.user("services", "stups_order-analytics", Some(analytics.clone()))?;
        let (shop, shop_client) = self.client("shop", None)?;
        let (batch, mut batch_client) = self.client("order-analytics", Some(analytics.clone()))?;
        batch_client.token_profile = TokenProfile::Stups;
        batch_client.realms = vec![RealmName::parse("services")?];
        batch_client.scopes = Scopes::parse("uid sales_order.read_all sales_order.write")?;
        batch_client.grant_types.insert(GrantType::ClientCredentials);
        batch_client.grant_types.remove(&GrantType::RefreshToken);
        let (shoe_shop, shoe_shop_client) = self.shoe_shop()?;
        let (admin, admin_client) = self.admin()?;

        let application = Application {
            tenant: self.tenant.clone(),
            id: analytics,
            team: "sales-insights".to_owned(),
            name: "Order analytics".to_owned(),
            subtitle: "Counts what was sold last night".to_owned(),
            active: true,
            service_user: Some(service_user.id),
        };
        let mut effects = self.catalogue()?.put(&application, Expect::New);
        for user in [&alice_user, &bob_user, &service_user] {
            effects = effects.put(user, Expect::New);
        }
        for client in [&shop_client, &shoe_shop_client, &batch_client, &admin_client] {
            effects = effects.put(client, Expect::New);
        }
        let reads_all = Principal::User(service_user.id);
        let why = "the nightly report reads every order";
        effects =
            effects.put(&self.assignment(reads_all, "sales_order.read_all", why)?, Expect::New);
        for permission in access::ALL {
            let principal = Principal::Client(admin_client.id.clone());
            let assignment = self.assignment(principal, permission.scope, "demo administrator")?;
            effects = effects.put(&assignment, Expect::New);
        }
        operations::write(store, effects).await?;
        self.allow_passwords(store).await?;
        self.name_the_pages(store).await?;
        Ok(World {
            issuer: self.places.issuer.clone(),
            shop,
            shoe_shop,
            analytics: batch,
            analytics_user: service,
            alice_id: alice_user.id,
            bob_id: bob_user.id,
            alice,
            bob,
            admin,
        })
    }

    /// `sales_order` and `wishlist`, and what may be allowed of them.
    fn catalogue(&self) -> anyhow::Result<Effects> {
        let orders = self.resource_type(
            "sales_order",
            ("Sales order", "What somebody bought, and what became of it"),
            &["customers", "employees"],
            &self.places.orders,
        )?;
        let wishlist = self.resource_type(
            "wishlist",
            ("Wishlist", "What somebody would like to have"),
            &["customers"],
            &self.places.wishlist,
        )?;
        let mut effects = Effects::NONE.put(&orders, Expect::New).put(&wishlist, Expect::New);
        for (of, name, rule, english, german) in [
            (&orders, "read", GrantRule::Owner, "Read your orders", "Ihre Bestellungen lesen"),
            (&orders, "write", GrantRule::Owner, "Order in your name", "In Ihrem Namen bestellen"),
            (
                &orders,
                "read_all",
                GrantRule::Assigned,
                "Read everybody's orders",
                "Die Bestellungen aller lesen",
            ),
            (&wishlist, "read", GrantRule::Owner, "See your wishlist", "Ihre Wunschliste sehen"),
            (
                &wishlist,
                "write",
                GrantRule::Owner,
                "Add to your wishlist",
                "Ihrer Wunschliste etwas hinzufügen",
            ),
        ] {
            let summary = [("en", english), ("de", german)];
            let summary = summary.map(|(language, text)| (language.to_owned(), text.to_owned()));
            let scope = Scope {
                tenant: self.tenant.clone(),
                token: ScopeToken::parse(&format!("{}.{name}", of.id))?,
                resource_type: Some(of.id.clone()),
                rule,
                summary: BTreeMap::from(summary),
                description: String::new(),
                user_information: BTreeMap::new(),
                risk: 2,
                required_acr: None,
                consent_seconds: None,
                group_claim: None,
                approver: None,
                assignment_seconds: None,
            };
            effects = effects.put(&scope, Expect::New);
        }
        Ok(effects)
    }

    fn resource_type(
        &self,
        id: &str,
        (name, description): (&str, &str),
        owners: &[&str],
        api: &str,
    ) -> anyhow::Result<ResourceType> {
        let owners = owners.iter().map(|realm| RealmName::parse(realm));
        Ok(ResourceType {
            tenant: self.tenant.clone(),
            id: ResourceTypeId::parse(id)?,
            name: name.to_owned(),
            description: description.to_owned(),
            owners: owners.collect::<Result<_, _>>()?,
            audience: Some(api.to_owned()),
        })
    }

    /// Programs of old take passwords themselves: that of the service user, and those of customers
    /// for the client `shop`.
    async fn allow_passwords(&self, store: &dyn Store) -> anyhow::Result<()> {
        for name in ["customers", "services"] {
            let key = DocumentKey::id::<Realm>(&self.tenant, name);
            let mut found = store.find::<Realm>(&key).await?.context("seeded just now")?;
            found.value.password_grant = true;
            let changed = Effects::NONE.put(&found.value, Expect::Version(found.version));
            operations::write(store, changed).await?;
        }
        Ok(())
    }

    /// What the pages call the whole.
    async fn name_the_pages(&self, store: &dyn Store) -> anyhow::Result<()> {
        let key = DocumentKey::id::<Tenant>(&self.tenant, self.tenant.as_str());
        let mut found = store.find::<Tenant>(&key).await?.context("made just now")?;
        "Acme".clone_into(&mut found.value.settings.look.name);
        let changed = Effects::NONE.put(&found.value, Expect::Version(found.version));
        Ok(operations::write(store, changed).await?)
    }

    fn user(
        &self,
        realm: &str,
        name: &str,
        application: Option<ApplicationId>,
    ) -> anyhow::Result<(Account, User)> {
        let secret = BearerSecret::mint(SecretKind::ServicePassword).reveal();
        let hash = Hasher::new(&grantor_crypto::password::HashCost::default())?
            .hash(&Password::new(&secret)?);
        let user = User {
            tenant: self.tenant.clone(),
            id: self.id(),
            realm: RealmName::parse(realm)?,
            name: UserName::parse(name)?,
            enabled: true,
            application,
            passwords: vec![StoredPassword {
                hash: hash.as_str().to_owned(),
                created: self.now,
                created_by: "demo".to_owned(),
            }],
            display_name: None,
            email: None,
            email_verified: false,
            person: Person::default(),
        };
        Ok((Account { name: name.to_owned(), secret }, user))
    }

    fn client(
        &self,
        id: &str,
        application: Option<ApplicationId>,
    ) -> anyhow::Result<(Account, Client)> {
        let secret = BearerSecret::mint(SecretKind::ClientSecret).reveal();
        let client = Client {
            name: id.to_owned(),
            application,
            secrets: vec![StoredSecret {
                digest: self.secrets.client_digest.digest(&secret),
                created: self.now,
                expires: None,
            }],
            grant_types: BTreeSet::from([GrantType::Password, GrantType::RefreshToken]),
            realms: vec![RealmName::parse("customers")?],
            scopes: Scopes::parse("uid sales_order.read sales_order.write")?,
            compat: Compat { password_grant: true, any_secret_method: true, ..Compat::default() },
            ..Client::new(
                self.tenant.clone(),
                ClientId::parse(id)?,
                ClientAuthMethod::ClientSecretBasic,
            )
        };
        Ok((Account { name: id.to_owned(), secret }, client))
    }

    /// The shop whose customers sign in with their browser; it never sees a password.
    fn shoe_shop(&self) -> anyhow::Result<(Account, Client)> {
        let (account, mut client) = self.client("shoe-shop", None)?;
        "Shoe shop".clone_into(&mut client.name);
        client.grant_types =
            BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        client.scopes = Scopes::parse("openid profile wishlist.read wishlist.write")?;
        client.redirect_uris = vec![format!("{}/callback", self.places.shop)];
        client.logout.post_logout_redirect_uris = vec![self.places.shop.clone()];
        client.compat = Compat::default();
        Ok((account, client))
    }

    fn admin(&self) -> anyhow::Result<(Account, Client)> {
        let (account, mut client) = self.client("demo-admin", None)?;
        client.grant_types = BTreeSet::from([GrantType::ClientCredentials]);
        client.realms = Vec::new();
        client.compat = Compat::default();
        let scopes: Vec<&str> = access::ALL.iter().map(|permission| permission.scope).collect();
        client.scopes = Scopes::parse(&scopes.join(" "))?;
        client.default_scopes = client.scopes.clone();
        Ok((account, client))
    }

    fn assignment(
        &self,
        principal: Principal,
        scope: &str,
        reason: &str,
    ) -> anyhow::Result<Assignment> {
        Ok(Assignment {
            tenant: self.tenant.clone(),
            id: self.id(),
            principal,
            scope: ScopeToken::parse(scope)?,
            reason: reason.to_owned(),
            approver: None,
            created: self.now,
            created_by: "demo".to_owned(),
            expires: None,
        })
    }

    fn id<K: IdKind>(&self) -> Id<K> {
        new_id(self.now)
    }
}

/// Gives a customer a name.
fn called(user: &mut User, given: &str, family: &str) {
    user.display_name = Some(format!("{given} {family}"));
    user.person.given_name = Some(given.to_owned());
    user.person.family_name = Some(family.to_owned());
}
