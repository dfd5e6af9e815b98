package interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.test.config.TestHSearchAddInConfig;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/** HAPI FHIR's JPA server for R4 over H2 in memory, as HAPI's own tests configure it. Prints its port. */
public class HapiServer {
  public static void main(String[] arguments) throws Exception {
    var beans = new AnnotationConfigApplicationContext(TestR4Config.class, TestHSearchAddInConfig.NoFT.class);
    var settings = beans.getBean(JpaStorageSettings.class);
    settings.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
    settings.setEnforceReferentialIntegrityOnWrite(false);
    var servlet = new RestfulServer(beans.getBean(FhirContext.class));
    servlet.registerProviders(beans.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
    servlet.registerProvider(beans.getBean("mySystemProviderR4"));
    servlet.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));
    servlet.setServerConformanceProvider(new JpaCapabilityStatementProvider(
        servlet,
        beans.getBean("mySystemDaoR4", IFhirSystemDao.class),
        settings,
        beans.getBean(ISearchParamRegistry.class),
        beans.getBean(IValidationSupport.class)));
    servlet.setDefaultResponseEncoding(EncodingEnum.JSON);

    var server = new Server();
    var connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    var context = new ServletContextHandler();
    context.addServlet(new ServletHolder(servlet), "/fhir/*");
    server.setHandler(context);
    server.start();
    System.out.println("listening " + connector.getLocalPort());
    server.join();
  }
}
