"""Files that are secret by name or content, and files that only seem so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from indexing.limits import IndexLimits
from indexing.workspace.exclusion import Exclusion, find_outside_reason
from indexing.workspace.secrets.secret_files import holds_secret, is_secret_name, is_secret_path

LIMITS = IndexLimits()
KEY = "MIIEowIBAAKCAQEAx7Zk2vTq9l0cQmN4hYp3"


def split_words(text: str) -> list[str]:
    return text.split()


KEPT = [
    *split_words(
        """
        .env .env.local .env.production .env_prod .env-staging .env2 prod.env app.prod.env service.env.local .envrc
        .envrc.local .flaskenv .ENV .Env.Production .env~ .env.bak .env.bak.old~ .env.save .env.swp ..env.swp .#.env
        #.env# .env.20240131 .env.1 .env. .env::$DATA id_rsa id_rsa.bak id_rsa.old id_rsa.1 id_rsa~ id_rsa.txt
        id_ed25519 id_ed25519_work id_ecdsa_sk id_dsa.orig ssh_host_rsa_key server.pem server.key private.KEY key.p12
        key.pfx app.p8 release.jks debug.keystore vault.kdbx a.ppk a.gpg client.ovpn me.age a.keytab login.keychain-db
        server.key.txt tls.key.old credentials credentials.json credentials.toml aws-credentials.csv secrets.yaml
        secrets.prod.yaml secrets.prod.yaml.bak secrets-dev.yml db-secrets.yaml prod-secrets.json secret.json
        passwords.txt passwords.csv my-passwords.txt creds.ini api_keys.json api-key.txt auth_token.txt
        access-tokens.yaml app.secret .secrets client_secret_12.json service-account.json my-service-account-key.json
        acme-firebase-adminsdk-x1y2z-0a1b2c3d.json serviceAccountKey.json application_default_credentials.json
        gha-creds-0123abcd.json token.json accessTokens.json rootkey.csv bob_accessKeys.csv .npmrc .npmrc.bak .yarnrc
        .yarnrc.yml .pypirc .netrc _netrc .netrc.old .git-credentials .pgpass .my.cnf .mylogin.cnf .htpasswd htpasswd
        .dockercfg .s3cfg .boto .vault-token .vault_pass .terraformrc .authinfo .databrickscfg terraform.tfstate
        terraform.tfstate.backup terraform.tfstate.1700000000.backup prod.tfvars prod.auto.tfvars dev.tfvars.json
        kubeconfig kubeconfig.yaml kube-config prod.kubeconfig kubeconfig-prod .bash_history .zsh_history
        .python_history .node_repl_history .psql_history .mysql_history .sqlite_history .rediscli_history .irb_history
        .histfile .lesshst .viminfo .bash_history.1 fish_history ConsoleHost_history.txt wallet.dat master.passwd
        shadow shadow- wp-config.php wg0.conf filezilla.xml ansible-vault-pass vault_password.yml keystore.properties
        key.properties old.id_rsa env.prod env.local .dev.vars .prod.vars.local .aws-credentials .gitcookies
        .dockerconfigjson .clasprc.json .ngrok.yml google-services.json GoogleService-Info.plist kaggle.json pgpass.conf
        private_key.txt privatekey.json credentials.tfrc.json docker-config.json gcp-key.json sa-key.json.bak
        github-recovery-codes.txt backup-codes.txt logins.json cookies.txt local.settings.json my.cnf .Xauthority
        deploy_rsa github_ed25519 vault.yml group-vault.yaml appsettings.Production.json appsettings.Staging.json
        appsettings.local.json wp-config-prod.php LocalSettings.php sftp-config.json sftp.json .ftpconfig
        .remote-sync.json
        deployment-config.json .tugboat proftpdpasswd .esmtprc ventrilo_srv.ini WebServers.xml dataSources.local.xml
        dbeaver-data-sources.xml robomongo.json configuration.user.xpl credentials.db credentials.yml.enc a.psafe3 a.rdp
        a.cscfg a.publishsettings plan.tfplan otr.private_key .env@abc .env~HEAD .env;3 id_rsa@work .env,v .env.~1~
        HEAD:id_rsa main:credentials.json id_rsa.r12 .env:hidden .env:hidden:$DATA id_rsa:a credentials.json:a
        """
    ),
    "secrets - Copy.json",
    "credentials (1).json",
    "credentials copy.json",
    ".env copy",
    "Copy of .env",
    ".env ",
]
LET_THROUGH = split_words(
    """
    .env.example .env.sample .env.template .env.dist .env.defaults .env.production.example example.env sample.env
    .env.example.bak credentials.example.json secrets.sample.yaml secrets.template.yml example-secrets.json
    secrets.schema.json environment.ts environments.ts env.py test_env.py env.d.ts environment.prod.ts setenv.sh
    process_env.js dotenv.py secrets.py secret.go credentials.py credentials.go credentials_test.go
    CredentialsProvider.java password.rb PasswordField.tsx passwords_controller.rb password_reset.html
    password-strength.js reset-password.tsx token.py tokens.py tokens.json tokenizer.json token_stream.rs keys.py
    keyboard.ts keymap.json keybindings.json monkey.py api_keys.py api_keys.md apikeys_controller.ts auth.py
    auth_token.py authinfo.py authentication.md service_account.py serviceaccount.yaml history.py bash_history.py
    history.md HISTORY.md history.txt kubeconfig.go kube_config_loader.py terraform.py main.tf variables.tf tfstate.py
    npmrc.js netrc.py pypirc.py htpasswd.py pgpass.go wallet.py shadow.css shadow.ts shadows.py keystore.py pem.go
    ssh.py identity.py secret-santa.md secretary.json undisclosed.py README.txt README.md README.bak main.py.bak
    main.py.orig config.json config.yaml settings.toml package.json docker-compose.yml notes.txt a.1 man.8
    data.2024-01-31.csv env.md vars.yml varsity.py google_services.py kaggle.py recovery_codes.py cookies.py
    settings.json login.json database.yml config.yml config.yaml appsettings.json appsettings.Development.json
        admin.conf
    app.conf auth.json nuget.config gradle.properties pip.conf local_settings.py settings.py production.yml
        parameters.yml
    .bashrc .profile authorized_keys known_hosts id_rsa.pub deploy_rsa.pub server.csr wp-config-sample.php
    vault.go vault_test.py sftp.py rsa.py icon@2x.txt logo~dark.svg a:b.txt history.json rsa
    """
)


@pytest.mark.parametrize("name", KEPT)
def test_secret_names_and_their_copies_are_kept_back(tmp_path: Path, name: str) -> None:
    assert is_secret_name(name)
    path = tmp_path / name
    path.write_text("x = 1\n")
    assert Exclusion(tmp_path, LIMITS).find_reason(path) == "secret"


@pytest.mark.parametrize("name", LET_THROUGH)
def test_names_that_only_sound_secret_are_let_through(tmp_path: Path, name: str) -> None:
    assert not is_secret_name(name)
    path = tmp_path / name
    path.write_text("x = 1\n")
    assert Exclusion(tmp_path, LIMITS).find_reason(path) == ""


def test_both_lists_are_long() -> None:
    assert min(len(set(KEPT)), len(set(LET_THROUGH))) > 60


@pytest.mark.parametrize(
    "path",
    [
        "/home/me/.docker/config.json",
        "/home/me/.docker/config.json.bak",
        "/repo/docker/config.json",
        "/etc/kubernetes/admin.conf",
        "/home/me/.purple/accounts.xml",
        "/home/me/.config/gh/hosts.yml",
        "/home/me/.m2/settings.xml",
        "/home/me/.config/gcloud/access_tokens.db",
        "/repo/.git/config",
        "/home/me/.huggingface/token",
        "/home/me/.cache/huggingface/token",
        "/home/me/.composer/auth.json",
        "/home/me/.gradle/gradle.properties",
        "/home/me/.dbt/profiles.yml",
        "/home/me/.dbt/profiles.yml:hidden",
        "/home/me/.docker./config.json",
        "/repo/.git::$INDEX_ALLOCATION/config",
        "/home/me/.huggingface /token:hidden",
    ],
)
def test_some_files_are_secret_by_where_they_lie(path: str) -> None:
    assert is_secret_path(path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n", "a.txt"),
        (f"# the key of the build server\n\n-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n", "notes.md"),
        (f"/* {'x' * 30_000} */\n-----BEGIN EC PRIVATE KEY-----\n{KEY}\n", "a.c"),
        (f"key: |\n    -----BEGIN ENCRYPTED PRIVATE KEY-----\n    {KEY}\n", "values.yaml"),
        (f'{{"key": "-----BEGIN PRIVATE KEY-----\\n{KEY}\\n"}}', "a.json"),
        (f"# -----BEGIN RSA PRIVATE KEY-----\n# {KEY}\n", "a.conf"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + KEY, "b"),
        (f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{KEY}\n", "c"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "d"),
        ("# created: 2024\nAGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 2, "e"),
        ('{"type": "service_account", "private_key_id": "0123456789abcdef0123456789abcdef01234567"}', "acme.json"),
        ('API_KEY = "sk-ant-api03-Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6"', "credentials.py"),
        ('SECRET_KEY = "q8Zk!vT2x0Wm4Lp9"', "local_settings.py"),
        (f"users:\n- name: admin\n  user:\n    client-key-data: {KEY}AAAABBBBCCCC\n", "admin.conf"),
        ('{"auths": {"https://index.docker.io/v1/": {"auth": "Ym9iOnN3b3JkZmlzaA=="}}}', "registry.json"),
        ('const dbPassword = "q8Zk!vT2x0Wm";', "app-secrets.ts"),
        ('var secret = "9f86d081884c7d659a2feaa0c55ad015"', "credentials_test.go"),
        ('API_KEY = "sk-ant-api03-Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6"', "credentials.py:hidden"),
        ('API_KEY = "sk-ant-api03-Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6"', "credentials.py.bak"),
    ],
)
def test_content_makes_a_secret(text: str, name: str) -> None:
    assert holds_secret(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('HEAD = "-----BEGIN RSA PRIVATE KEY-----"\n', "pem.py"),
        ('if line == "-----BEGIN PRIVATE KEY-----":\n    return parse(lines)\n', "pem.py"),
        ("-----BEGIN CERTIFICATE-----\n" + KEY, "ca.txt"),
        ("-----BEGIN PUBLIC KEY-----\n" + KEY, "pub.txt"),
        ("def token_hex(nbytes=None):\n    return token_bytes(nbytes).hex()\n", "secrets.py"),
        ('password = os.environ["DB_PASSWORD"]\nsecret = get_secret(name)\ntoken = "<your token>"\n', "credentials.py"),
        ('password: str = ""\nAPI_KEY = "changeme"\nlabel = "Enter your password"\n', "passwords.py"),
        ('if account["type"] == "service_account":\n    load(account["private_key"])\n', "gcp.py"),
        ('API_KEY = "sk-ant-api03-Zx81kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6"', "client.py"),  # masked when it is sent
    ],
)
def test_code_about_secrets_is_none(text: str, name: str) -> None:
    assert not holds_secret(text, name)


@pytest.mark.parametrize("between", [" " * 100, " " * 59, '"' * 70, "\t#" * 40])
def test_a_crafted_key_is_judged_at_once(between: str) -> None:
    text = "x = -----BEGIN PRIVATE KEY-----\n" + f"abc: {between}" * 8 + "!"
    started = time.monotonic()
    assert not holds_secret(text)
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize("end", ["\n", " ", "\\n", '\\n" +\n"', "\r\n"])
def test_a_key_with_headers_is_one_however_its_lines_end(end: str) -> None:
    lines = ("-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00FF", "", KEY)
    assert holds_secret("x = " + end.join(lines))


def test_the_standard_library_is_let_through() -> None:
    import http.cookiejar  # noqa: PLC0415
    import netrc  # noqa: PLC0415
    import secrets  # noqa: PLC0415

    for module in (secrets, netrc, http.cookiejar):
        path = Path(module.__file__)
        assert not is_secret_name(path.name)
        assert not holds_secret(path.read_text("utf-8"), path.name)


def test_a_module_of_secrets_is_kept_back_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "credentials.py").write_text('TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"\n')
    (tmp_path / "credentials_store.py").write_text("def load(path):\n    return path.read_text()\n")
    exclusion = Exclusion(tmp_path, LIMITS)
    assert exclusion.find_reason(tmp_path / "credentials.py") == "secret"
    assert exclusion.find_reason(tmp_path / "credentials_store.py") == ""


def test_folders_of_secrets_whatever_their_case(tmp_path: Path) -> None:
    for folder in (".ssh", ".SSH", ".aws", ".Kube", ".gnupg"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "config").write_text("x\n")
        assert Exclusion(tmp_path, LIMITS).find_reason(tmp_path / folder / "config") == "secret"
        assert find_outside_reason(tmp_path / folder / "config") == "secret"


def test_outside_of_every_folder_name_and_content_decide_too(tmp_path: Path) -> None:
    (tmp_path / "id_rsa.bak").write_text("x\n")
    (tmp_path / "notes.txt").write_text(f"# mine\n-----BEGIN PRIVATE KEY-----\n{KEY}\n")
    (tmp_path / "plain.txt").write_text("x\n")
    names = ("id_rsa.bak", "notes.txt", "plain.txt")
    assert [find_outside_reason(tmp_path / name) for name in names] == ["secret", "secret", "outside"]


def test_what_a_notebook_has_printed_is_no_code(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text('{"cells": []}')
    assert Exclusion(tmp_path, LIMITS).find_reason(tmp_path / "a.ipynb") == "notebook"
