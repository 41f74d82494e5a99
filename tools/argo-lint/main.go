// Command argo-lint holds manifests of Argo Workflows to its own linter, without a cluster: all files are read together, so that
// what one refers to is found in another.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/argoproj/argo-workflows/v3/cmd/argo/lint"
	"github.com/argoproj/argo-workflows/v3/pkg/apiclient"
	"github.com/argoproj/argo-workflows/v3/pkg/apis/workflow"
)

func main() {
	defer func() { // 3.7.3 falls over a template that is named and not there, where pods have metadata
		if broken := recover(); broken != nil {
			fail(fmt.Errorf("a template that is named is not there (%v)", broken))
		}
	}()
	files := os.Args[1:]
	if len(files) == 0 {
		fail(fmt.Errorf("usage: argo-lint FILE..."))
	}
	ctx, client, err := apiclient.NewClientFromOpts(apiclient.Opts{Context: context.Background(), Offline: true, OfflineFiles: files})
	if err != nil {
		fail(err)
	}
	kinds := []string{workflow.WorkflowPlural, workflow.WorkflowTemplatePlural, workflow.CronWorkflowPlural}
	options := lint.LintOptions{Files: files, Strict: true, Printer: os.Stdout}
	if err := lint.RunLint(ctx, client, kinds, "simple", true, options); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
