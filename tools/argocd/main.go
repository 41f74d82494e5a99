// Argo CD's own code, without a cluster: what its controllers would make of files. One command a question:
//
//	argocd apps            ApplicationSets on stdin -> the Applications that they generate
//	argocd health FOLDER   an object on stdin -> its health by FOLDER/<group>_<Kind>.lua
//	argocd can POLICY GROUP RESOURCE ACTION OBJECT   whether a policy.csv allows it
//	argocd notify          argocd-notifications-cm, its Secret and an Application on stdin -> what is sent of it
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "apps":
		return apps(os.Stdin, os.Stdout)
	case len(words) == 2 && words[0] == "health":
		return healthOf(os.Stdin, words[1], os.Stdout)
	case len(words) == 6 && words[0] == "can":
		return can(words[1], words[2:], os.Stdout)
	case len(words) == 1 && words[0] == "notify":
		return notify(os.Stdin, os.Stdout)
	}
	return fmt.Errorf("usage: argocd apps | health FOLDER | can POLICY GROUP RESOURCE ACTION OBJECT | notify")
}
