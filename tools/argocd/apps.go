package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	out "sigs.k8s.io/yaml"
)

// apps writes the Applications of every ApplicationSet that is read, as the ApplicationSet controller generates them.
// Generators that ask a cluster or a forge are not among those known.
func apps(from io.Reader, to io.Writer) error {
	log.SetLevel(log.ErrorLevel)
	known := map[string]generators.Generator{"List": generators.NewListGenerator()}
	known["Matrix"] = generators.NewMatrixGenerator(known)
	documents := yaml.NewYAMLOrJSONDecoder(from, 4096)
	for {
		var set argo.ApplicationSet
		if err := documents.Decode(&set); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("not an ApplicationSet: %w", err)
		}
		if set.Kind != "ApplicationSet" {
			continue
		}
		made, _, err := template.GenerateApplications(log.NewEntry(log.StandardLogger()), set, known, &utils.Render{}, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", set.Name, err)
		}
		if err := write(made, to); err != nil {
			return err
		}
	}
}

func write(made []argo.Application, to io.Writer) error {
	for _, one := range made {
		one.Kind, one.APIVersion = "Application", "argoproj.io/v1alpha1"
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&one)
		if err != nil {
			return err
		}
		delete(object, "status")
		text, err := out.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
