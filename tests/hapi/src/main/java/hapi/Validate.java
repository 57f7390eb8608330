package hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r4.model.Questionnaire;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r4.model.ValueSet;

/**
 * Validates FHIR R4 resources against core R4 and the profiles of the folders named, one JSON line out for each in.
 *
 * <p>Arguments: {@code --profiles DIR} (repeatable), then files or folders. Without files, resources are read from
 * standard input, one JSON document a line. Exit code 1 when a file named had an error.
 */
public final class Validate {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Validate() {}

  public static void main(String[] args) throws IOException {
    List<Path> profiles = new ArrayList<>();
    List<Path> files = new ArrayList<>();
    for (int index = 0; index < args.length; index++) {
      if (args[index].equals("--profiles")) profiles.add(Path.of(args[++index]));
      else files.addAll(jsonFiles(Path.of(args[index])));
    }
    // Libraries write to standard output too; results must not be mixed with that.
    PrintStream results = System.out;
    System.setOut(System.err);
    FhirValidator validator = validator(profiles);
    if (files.isEmpty()) serve(validator, results);
    else System.exit(validateFiles(validator, files, results) ? 0 : 1);
  }

  private static boolean validateFiles(FhirValidator validator, List<Path> files, PrintStream results)
      throws IOException {
    boolean valid = true;
    for (Path file : files) {
      ObjectNode line = validate(validator, Files.readString(file)).put("file", file.toString());
      valid &= line.get("valid").asBoolean();
      results.println(MAPPER.writeValueAsString(line));
    }
    return valid;
  }

  private static void serve(FhirValidator validator, PrintStream results) throws IOException {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    results.println("{\"ready\": true}");
    results.flush();
    for (String document = input.readLine(); document != null; document = input.readLine()) {
      results.println(MAPPER.writeValueAsString(validate(validator, document)));
      results.flush();
    }
  }

  private static ObjectNode validate(FhirValidator validator, String document) {
    ObjectNode line = MAPPER.createObjectNode();
    ArrayNode issues = line.putArray("issues");
    boolean valid = true;
    try {
      var outcome = validator.validateWithResult(document);
      valid = outcome.isSuccessful();
      for (SingleValidationMessage message : outcome.getMessages()) {
        issue(issues, message.getSeverity().getCode(), message.getLocationString(), message.getMessage());
      }
    } catch (RuntimeException unreadable) {
      valid = false;
      issue(issues, "fatal", "", String.valueOf(unreadable.getMessage()));
    }
    return line.put("valid", valid);
  }

  private static void issue(ArrayNode issues, String severity, String location, String message) {
    issues.addObject().put("severity", severity).put("location", location).put("message", message);
  }

  private static FhirValidator validator(List<Path> profiles) throws IOException {
    FhirContext context = FhirContext.forR4();
    Definitions ours = new Definitions(context);
    for (Path folder : profiles) {
      for (Path file : jsonFiles(folder)) load(context, ours, file);
    }
    // Code systems that are not loaded (CPT, SNOMED CT and so on) only warn; codes outside an enumerated
    // value set stay errors.
    UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
    ValidationSupportChain chain =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            ours,
            unknown);
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    // Resources may claim profiles of guides that cannot be loaded here; that is a warning.
    module.setErrorForUnknownProfiles(false);
    return context.newValidator().registerValidatorModule(module);
  }

  private static void load(FhirContext context, Definitions ours, Path file) throws IOException {
    String text = Files.readString(file);
    if (!text.contains("\"resourceType\"")) return;
    IBaseResource resource = context.newJsonParser().parseResource(text);
    if (resource instanceof Questionnaire form) ours.addForm(form);
    else if (resource instanceof StructureDefinition || resource instanceof ValueSet || resource instanceof CodeSystem)
      ours.addResource(resource);
  }

  /** Keeps Questionnaires too, which HAPI's own class does not, so that responses are checked against them. */
  private static final class Definitions extends PrePopulatedValidationSupport {
    private final Map<String, Questionnaire> forms = new HashMap<>();

    Definitions(FhirContext context) {
      super(context);
    }

    void addForm(Questionnaire form) {
      forms.put(form.getUrl(), form);
      forms.put(form.getUrl() + "|" + form.getVersion(), form);
    }

    @Override
    public <T extends IBaseResource> T fetchResource(Class<T> type, String uri) {
      Questionnaire form = forms.get(uri);
      return type != null && type.isInstance(form) ? type.cast(form) : super.fetchResource(type, uri);
    }
  }

  private static List<Path> jsonFiles(Path start) throws IOException {
    try (Stream<Path> found = Files.walk(start)) {
      return found.filter(path -> Files.isRegularFile(path) && path.toString().endsWith(".json")).sorted().toList();
    }
  }
}
