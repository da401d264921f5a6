#!/usr/bin/env bash
# Builds the sdist and the wheel and tests the installed wheel where no checkout can be imported:
# once with all extras against the tests, once without extras.
# Usage: scripts/wheel_test.sh PYTHON    (a Python that has `build`)
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
checkout=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '==> %s\n' "$*"; }

say "sdist and wheel"
"$python" -m build --outdir "$work/dist" .
wheel=$(ls "$work"/dist/*.whl)

say "what is in the wheel"
packages=$(cd adapters && echo */__init__.py)
expected=$(printf '%s\n' crm_sms ${packages//\/__init__.py/} | sort)
found=$("$python" -m zipfile -l "$wheel" | sed 1d | sed 's,/.*,,' | grep -v '\.dist-info$' | sort -u)
[ "$found" = "$expected" ] || { echo "the wheel holds $found"; exit 1; }

venv() {  # NAME REQUIREMENT...
  "$python" -m venv "$work/$1"
  "$work/$1/bin/python" -m pip install --disable-pip-version-check --quiet \
    -c "$checkout/constraints.txt" "${@:2}"
}

say "the wheel with all extras, tested outside the checkout"
venv full "crm-sms[all,testing] @ file://$wheel" pytest-xdist
mkdir "$work/tree"
git ls-files -z --cached -- tests docs '*.md' pyproject.toml constraints.txt |
  xargs -0 cp --parents -t "$work/tree"
[ ! -d ../shared ] || ln -s "$(realpath ../shared)" "$work/shared"
(cd "$work/tree" && "$work/full/bin/python" -P -m pytest -n 2 --ignore tests/judges \
  -m "not judges and not browser and not slow and not checkout")

say "the wheel without extras"
venv bare "crm-sms @ file://$wheel"
(cd "$work" && "$work/bare/bin/crm-sms" --help > /dev/null)
for command in demo sandbox; do
  said=$(cd "$work" && "$work/bare/bin/crm-sms" "$command" 2>&1) && code=0 || code=$?
  echo "$said"
  [ "$code" = 1 ] && [[ $said == *"pip install 'crm-sms["* ]] || exit 1
done
(cd "$work" && "$work/bare/bin/python" -P -W error - <<'PY')
from crm_sms.clock import machine_clock
from crm_sms.errors import MissingExtra
from crm_sms.plugins import CRMS, PROVIDERS, adapter

TWILIO = {"public_url": "https://sms.example", "accounts": {"AC" + "0" * 32: {"auth_token": "x"}}}
NEEDS = {
    "salesforce": lambda: adapter(CRMS, "salesforce"),
    "twilio": lambda: adapter(PROVIDERS, "twilio")(TWILIO, machine_clock),
}
for extra, use in NEEDS.items():
    try:
        use()
    except MissingExtra as error:
        assert f"pip install 'crm-sms[{extra}]'" in str(error), error
        print(error)
    else:
        raise SystemExit(f"{extra} works without its extra")
PY
