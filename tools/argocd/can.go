package main

import (
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/util/assets"
	"github.com/argoproj/argo-cd/v3/util/rbac"
)

// can says yes or no: may a group (without a user) do this by a policy.csv, Argo CD's own roles besides?
func can(policy string, asked []string, to io.Writer) error {
	text, err := os.ReadFile(policy)
	if err != nil {
		return err
	}
	enforcer := rbac.NewEnforcer(nil, "", "", nil)
	if err := enforcer.SetBuiltinPolicy(assets.BuiltinPolicyCSV); err != nil {
		return err
	}
	if err := enforcer.SetUserPolicy(string(text)); err != nil {
		return err
	}
	said := map[bool]string{true: "yes", false: "no"}[enforcer.Enforce(asked[0], asked[1], asked[2], asked[3])]
	_, err = fmt.Fprintln(to, said)
	return err
}
