"""Who is taken for whom, and what nobody is told."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Forbidden, Rejected, Unauthenticated
from pipeline.keyring import (
    KEY_CHARACTERS_MAX,
    Access,
    Identity,
    Keyring,
    digest,
    hashed,
    new_key,
    tenant,
)
from tests.support.keys import READ, WRITE, kept, ring

ANYBODY = Identity("", "default")


def sent(authorization=(), tenants=()):
    values = {"authorization": authorization, "x-scope-orgid": tenants}
    return lambda name: values[name]


def test_without_keys_everybody_is_taken_and_every_header_ignored():
    for headers in [sent(), sent([f"Bearer {WRITE}"], ["acme"]), sent(["?", "?"], ["a/b", "c"])]:
        for access in Access:
            assert Keyring().admit(headers, access) == ANYBODY


def test_what_stands_in_front_may_say_the_tenant():
    trusting = Keyring(tenant_header=True)
    assert trusting.admit(sent(), Access.WRITE) == ANYBODY
    assert trusting.admit(sent([], ["acme"]), Access.READ) == Identity("", "acme")
    for wrong in [["a/b"], [""], [".."], ["a", "a"], ["x" * 151]]:
        with pytest.raises(Rejected, match="X-Scope-OrgID"):
            trusting.admit(sent([], wrong), Access.READ)


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["Bearer"],
        ["Bearer "],
        [WRITE],
        [f"Basic {WRITE}"],
        [f"Bearer {WRITE[:-1]}"],
        [f"Bearer {WRITE}4"],
        [f"Bearer {WRITE.upper()}"],
        [f"Bearer {WRITE} {WRITE}"],
        [f"Bearer\t{WRITE}"],
        [f"Bearer {WRITE}\u0661"],
        ["Bearer \udcff"],
        [f"Bearer {WRITE}", f"Bearer {WRITE}"],
        [f"Bearer {'x' * 100_000}"],
        [f"Bearer {hashed(WRITE)}"],
        [f"Bearer {'0' * 64}"],
    ],
    ids=lambda values: ascii(values)[:60],
)
def test_who_has_no_key_is_told_what_to_do_and_nothing_else(values):
    with pytest.raises(Unauthenticated) as caught:
        ring().admit(sent(values), Access.WRITE)
    told = str(caught.value)
    assert "Authorization: Bearer <key>" in told or "auth.keys" in told
    assert "secret" not in told
    assert "xxx" not in told


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_in_any_case(scheme):
    assert ring().admit(sent([f"{scheme} {WRITE}"]), Access.WRITE).tenant == "default"


def test_a_key_may_what_its_scopes_say_and_no_more():
    keyring = ring(kept("c" * 32, Access.ADMIN, name="boss"))
    for key, may in [(WRITE, Access.WRITE), (READ, Access.READ), ("c" * 32, Access.ADMIN)]:
        for access in Access:
            headers = sent([f"Bearer {key}"])
            if access is may:
                keyring.admit(headers, access)
            else:
                with pytest.raises(Forbidden, match=f"may {may}; .* may {access}") as caught:
                    keyring.admit(headers, access)
                assert key not in str(caught.value)
    one_of = keyring.admit(sent([f"Bearer {READ}"]), Access.ADMIN, Access.READ)
    assert one_of.name == "aura-read-ke"


def test_rotation_is_two_keys_of_one_tenant_at_once():
    old, new = new_key(), new_key()
    both = ring(*(kept(key, Access.WRITE, tenant="acme") for key in (old, new)))
    after = ring(kept(new, Access.WRITE, tenant="acme"))
    for key in (old, new):
        assert both.admit(sent([f"Bearer {key}"]), Access.WRITE).tenant == "acme"
    assert after.admit(sent([f"Bearer {new}"]), Access.WRITE).tenant == "acme"
    with pytest.raises(Unauthenticated):
        after.admit(sent([f"Bearer {old}"]), Access.WRITE)


KEYS = st.text(string.ascii_letters + string.digits + "-._~+/", min_size=1, max_size=40)
TENANTS = st.sampled_from(["", "a", "b", "default"])


@given(
    st.dictionaries(KEYS, st.tuples(st.sets(st.sampled_from(Access), min_size=1), TENANTS)),
    KEYS,
    st.sampled_from(Access),
    st.sampled_from([[], ["a"], ["b"]]),
)
def test_one_is_taken_exactly_for_whom_the_key_says(known, key, access, header):
    """The law: a known key with the scope, its own tenant; the header only where it has none."""
    known |= {WRITE: ({Access.WRITE}, "b")}  # without any key there is nothing to ask for
    keyring = Keyring(
        kept(one, *scopes, tenant=owner, name=str(number))
        for number, (one, (scopes, owner)) in enumerate(known.items())
    )
    try:
        found = keyring.admit(sent([f"Bearer {key}"], header), access)
    except Unauthenticated:
        assert key not in known
    except Forbidden:
        assert access not in known[key][0]
    else:
        scopes, owner = known[key]
        assert access in scopes
        assert found.tenant == (owner or (header or ["default"])[0])


@given(st.text(string.printable + "äİ٣\udcff", max_size=20) | KEYS)
def test_a_hash_is_of_what_a_header_can_carry(key):
    try:
        stored = hashed(key)
    except ValueError:
        with pytest.raises(Unauthenticated):
            ring().admit(sent([f"Bearer {key}"]), Access.WRITE)
    else:
        keyring = Keyring([kept(key, Access.READ)])
        assert digest(stored).hex() == stored.removeprefix("sha256:")
        assert keyring.admit(sent([f"Bearer {key}"]), Access.READ).tenant == "default"


def test_keys_are_bounded_and_random():
    hashed("x" * KEY_CHARACTERS_MAX)
    with pytest.raises(ValueError, match="1 to 512"):
        hashed("x" * (KEY_CHARACTERS_MAX + 1))
    made = {new_key() for _ in range(1000)}
    assert len(made) == 1000
    assert {(key[:5], len(key)) for key in made} == {("aura_", 48)}  # 43 of 6 bits and more


@pytest.mark.parametrize("text", ["a", "a" * 150, "team-1_x.y", "!_.*'()-", "..."])
def test_what_can_be_a_tenant(text):
    assert tenant(text) == text


@pytest.mark.parametrize("text", ["", ".", "..", "a" * 151, "a b", "a|b", "a/b", "ä", "a\n", "٣"])
def test_what_cannot_be_a_tenant(text):
    with pytest.raises(ValueError, match="a tenant has 1 to 150"):
        tenant(text)
