#!/usr/bin/env bash
# A gate before a deployment: goes on only when a person has approved exactly this change.
# Needs HOLDGATE_URL and HOLDGATE_TOKEN (scope approvals:create).  deploy_gate.sh VERSION PLAN APPROVER…
set -uo pipefail
version=$1 plan=$2
shift 2

people=()
for person in "$@"; do people+=(--to "$person"); done

# The same key for the same version: run again, it finds the same request and asks nobody twice.
decision=$(holdgate ask --title "Deploy $version" --show "$plan" --ttl 20m --key "deploy:$version" --json "${people[@]}")
case $? in
  0) echo "Approved: $decision" ;;
  1) echo "Rejected: $decision" >&2; exit 1 ;;
  3) echo "Nobody decided in time." >&2; exit 1 ;;
  *) exit 2 ;;
esac

echo "Deploying $version"
