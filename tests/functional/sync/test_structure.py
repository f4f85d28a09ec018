"""Organizations and business units: from the OU tree, from an attribute, constant, and the default."""

from __future__ import annotations

from tests.functional.sync.site import Site


def placement(site: Site) -> dict[str, tuple[str, str | None]]:
    """Username -> (organization, unit path)."""
    units = {row["id"]: row for row in site.rows("SELECT * FROM units")}

    def path(unit_id: int | None) -> str | None:
        names = []
        while unit_id is not None:
            names.append(units[unit_id]["name"])
            unit_id = units[unit_id]["parent_id"]
        return "/".join(reversed(names)) or None

    rows = site.rows(
        "SELECT u.username, o.name AS organization, a.unit_id FROM access a JOIN users u ON u.id = a.user_id "
        "JOIN organizations o ON o.id = a.organization_id"
    )
    return {row["username"]: (row["organization"], path(row["unit_id"])) for row in rows}


def test_units_from_the_ou_tree_and_the_default_for_the_rest(site: Site) -> None:
    germany = site.slapd.add_ou("Germany", parent=site.people_dn)
    berlin = site.slapd.add_ou("Berlin", parent=germany)
    site.add_person("top")
    site.add_person("country", parent=germany)
    site.add_person("office", parent=berlin)
    site.settings["units"] = {"default": "Head office"}
    site.synced()
    assert placement(site) == {
        "top": ("Example Corp", "Head office"),
        "country": ("Example Corp", "Germany"),
        "office": ("Example Corp", "Germany/Berlin"),
    }
    site.slapd.rename(berlin, "ou=Berlin", new_superior=site.people_dn)
    site.synced()
    assert placement(site)["office"] == ("Example Corp", "Berlin")


def test_organizations_from_the_first_level(site: Site) -> None:
    acme = site.slapd.add_ou("Acme", parent=site.people_dn)
    sales = site.slapd.add_ou("Sales", parent=acme)
    umbrella = site.slapd.add_ou("Umbrella", parent=site.people_dn)
    site.add_person("a", parent=sales)
    site.add_person("u", parent=umbrella)
    site.add_person("x")
    site.settings |= {"organization": {"from": "ou", "default": "Others"}, "units": {"default": "Staff"}}
    site.synced()
    assert placement(site) == {"a": ("Acme", "Sales"), "u": ("Umbrella", "Staff"), "x": ("Others", "Staff")}


def test_both_from_attributes_with_a_path(site: Site) -> None:
    site.add_person("anna", o="Acme", departmentNumber="Sales/EMEA")
    site.add_person("bert", o="Umbrella", departmentNumber="Sales")
    site.add_person("carl")
    site.settings |= {
        "organization": {"from": "attribute:o", "default": "Others"},
        "units": {"from": "attribute:departmentNumber", "default": "Staff"},
    }
    site.synced()
    expected = {"anna": ("Acme", "Sales/EMEA"), "bert": ("Umbrella", "Sales"), "carl": ("Others", "Staff")}
    assert placement(site) == expected
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before


def test_everyone_in_the_default_unit(site: Site) -> None:
    deep = site.slapd.add_ou("Deep", parent=site.people_dn)
    site.add_person("anna", parent=deep)
    site.settings["units"] = {"from": "none", "default": "All"}
    site.synced()
    assert placement(site) == {"anna": ("Example Corp", "All")}


def test_an_ou_that_is_gone_goes_when_its_people_have_moved(site: Site) -> None:
    old = site.slapd.add_ou("Old", parent=site.people_dn)
    new = site.slapd.add_ou("New", parent=site.people_dn)
    dn = site.add_person("anna", parent=old)
    site.synced()
    site.slapd.rename(dn, "uid=anna", new_superior=new)
    site.slapd.delete(old)
    site.synced()
    assert placement(site) == {"anna": ("Example Corp", "New")}
    assert {row["name"] for row in site.rows("SELECT name FROM units")} == {"New"}


def test_of_several_values_of_an_attribute_the_preferred_one_is_the_unit(site: Site) -> None:
    site.add_person("anna", ou=["People", "Product Testing"])
    site.add_person("bert", ou=["Accounting", "People"])
    site.settings["units"] = {"from": "attribute:ou", "prefer": "^(?!People$)"}
    site.synced()
    expected = {"anna": ("Example Corp", "Product Testing"), "bert": ("Example Corp", "Accounting")}
    assert placement(site) == expected
